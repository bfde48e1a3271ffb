// Package docscheck tests the documentation: links, commands, Go code, and that each message of
// the command has an entry in docs/troubleshooting.md. It holds tests alone.
package docscheck

//go:build !wasip1

package main

import "os"

func writeStdout(p []byte) (int, error) { return os.Stdout.Write(p) }

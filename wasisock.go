// Package wasisock holds the sources of package sockabi, for stdnet, which compiles
// them inside the standard library too.
package wasisock

import "embed"

// ABI is the folder sockabi.
//
//go:embed sockabi/*.go
var ABI embed.FS

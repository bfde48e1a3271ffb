// Package wasisock holds the sources of package sockabi, and of what guests' pollers have in
// common, for stdnet, which compiles them inside the standard library too.
package wasisock

import "embed"

// ABI is the directories sockabi and internal/hotcold.
//
//go:embed sockabi/*.go internal/hotcold/*.go
var ABI embed.FS

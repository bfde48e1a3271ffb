//go:build !linux && !darwin

package aotcache

import "runtime"

func system() string { return runtime.GOOS + " " + runtime.GOARCH + "\n" }

//go:build !race || !unix

package racetest

// Enabled reports whether the race detector is in this program.
const Enabled = false

func become(string, []string, []string) error { return nil }

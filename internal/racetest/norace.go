//go:build !race || !unix

package racetest

const enabled = false

func become(string, []string, []string) error { return nil }

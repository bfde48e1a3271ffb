//go:build !unix

package codecache

// Check returns nil: users and their rights are unknown here.
func Check(string) error { return nil }

// Secure returns nil, as Check does.
func Secure(string) error { return nil }

//go:build !linux

package confine

// ABI returns 0: Landlock is Linux's.
func ABI() int { return 0 }

// NoNewPrivs does nothing here.
func NoNewPrivs() error { return nil }

// Apply does nothing here.
func (Needs) Apply() error { return nil }

// TempDir does nothing here.
func TempDir() (in string, remove func(), err error) { return "", func() {}, nil }

func permitted(string) bool { return false }

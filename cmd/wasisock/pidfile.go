package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// writePIDFile writes the number of this process, for those who are to signal it, and
// returns what removes the file unless another process has written its own meanwhile.
func writePIDFile(name string) (remove func(), err error) {
	if name, err = filepath.Abs(name); err != nil {
		return nil, err
	}
	text := fmt.Sprintln(os.Getpid())
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return func() {
		if has, err := os.ReadFile(name); err == nil && string(has) == text {
			os.Remove(name)
		}
	}, nil
}

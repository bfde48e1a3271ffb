package progress

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestCompiling(t *testing.T) {
	failure := errors.New("it failed")
	for _, test := range []struct {
		name  string
		takes time.Duration
		err   error
		want  string
	}{
		{"short", 1900 * time.Millisecond, nil, ""},
		{"short, failed", 0, failure, ""},
		{"long", 3 * time.Second, nil, "compiling it: 2 s\ncompiled it in 3 s\n"},
		{"long, failed", 3 * time.Second, failure, "compiling it: 2 s\n"},
		{"very long", 23 * time.Second, nil, "compiling it: 2 s\ncompiling it: 12 s\ncompiling it: 22 s\ncompiled it in 23 s\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				err := Compiling(&out, "it", func() error {
					time.Sleep(test.takes)
					return test.err
				})
				if err != test.err || out.String() != test.want {
					t.Errorf("%v, %q; want %v, %q", err, out.String(), test.err, test.want)
				}
			})
		})
	}
	if err := Compiling(nil, "it", func() error { return failure }); err != failure {
		t.Error(err)
	}
}

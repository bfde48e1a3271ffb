// Package options reads what the command line and its files say of guests.
package options

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Time parses one of at least least, for flag.Func.
func Time(d *time.Duration, least time.Duration) func(string) error {
	return func(v string) (err error) {
		if *d, err = time.ParseDuration(v); err != nil || *d < least {
			err = fmt.Errorf("%q is no time; write one such as 90s, 1.5h or 100ms", v)
		}
		return err
	}
}

// Count parses a number above 0, for flag.Func.
func Count(n *int) func(string) error {
	return func(v string) (err error) {
		if *n, err = strconv.Atoi(v); err != nil || *n <= 0 {
			err = fmt.Errorf("%q is no number above 0; write one, or leave the flag out", v)
		}
		return err
	}
}

// size parses a number of bytes, for flag.Func.
func size(n *uint64) func(string) error {
	return func(v string) (err error) {
		*n, err = parseSize(v)
		return err
	}
}

// parseSize reads a number of bytes, with K, M or G for powers of 1024.
func parseSize(v string) (uint64, error) {
	number, shift := v, 0
	if v != "" {
		if i := strings.IndexByte("KMG", v[len(v)-1]); i >= 0 {
			number, shift = v[:len(v)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n == 0 || bits.Len64(n)+shift > 64 {
		return 0, fmt.Errorf("%q is no size; write one such as 67108864, 64M or 1G", v)
	}
	return n << shift, nil
}

// choice parses one of a few words, for flag.Func. all says which there are.
func choice(choices map[string]func(), all string) func(string) error {
	return func(v string) error {
		choose, ok := choices[v]
		if !ok {
			return fmt.Errorf("write %s", all)
		}
		choose()
		return nil
	}
}

// Package options reads what the command line and its files say of guests.
package options

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Time parses one of at least least, for a cli.Flag.
func Time(d *time.Duration, least time.Duration) func(string) error {
	return func(v string) (err error) {
		if *d, err = time.ParseDuration(v); err != nil || *d < least {
			err = fmt.Errorf("invalid duration %q: want one such as 90s, 1.5h or 100ms", v)
		}
		return err
	}
}

// Count parses a number above 0, for a cli.Flag.
func Count(n *int) func(string) error {
	return func(v string) (err error) {
		if *n, err = strconv.Atoi(v); err != nil || *n <= 0 {
			err = fmt.Errorf("%q is not a number above 0; write one, or leave the flag out", v)
		}
		return err
	}
}

// size parses a number of bytes, for a cli.Flag.
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
		return 0, fmt.Errorf("%q is not a size; write one such as 67108864, 64M or 1G", v)
	}
	return n << shift, nil
}

// Choice parses one of a few words, for a cli.Flag.
func Choice(words []string, choose func(i int)) func(string) error {
	return func(v string) error {
		i := slices.Index(words, v)
		if i < 0 {
			last := len(words) - 1
			return fmt.Errorf("invalid value %q: want %s or %s", v, strings.Join(words[:last], ", "), words[last])
		}
		choose(i)
		return nil
	}
}

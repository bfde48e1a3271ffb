// Package options defines flags for the settings of guests, and reads the files that they name.
package options

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Time returns a cli.Flag's Set for a duration of at least least.
func Time(d *time.Duration, least time.Duration) func(string) error {
	return func(v string) (err error) {
		if *d, err = time.ParseDuration(v); err != nil || *d < least {
			err = fmt.Errorf("invalid duration %q: want one such as 90s, 1.5h or 100ms", v)
		}
		return err
	}
}

// Count returns a cli.Flag's Set for a number above 0.
func Count(n *int) func(string) error {
	return func(v string) (err error) {
		if *n, err = strconv.Atoi(v); err != nil || *n <= 0 {
			err = fmt.Errorf("%q is not a number above 0; write one, or leave the flag out", v)
		}
		return err
	}
}

// size returns a cli.Flag's Set for a number of bytes; see ParseSize.
func size(n *uint64) func(string) error {
	return func(v string) (err error) {
		*n, err = ParseSize(v)
		return err
	}
}

// ParseSize parses a number of bytes above 0, with K, M or G for powers of 1024.
func ParseSize(v string) (uint64, error) {
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

// Choice returns a cli.Flag's Set for one of words. It calls choose with the index of the word.
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

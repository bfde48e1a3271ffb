package runner

import (
	"flag"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wasisock/wasisock/host"
)

// Limits adds flags that set limits.
func Limits(flags *flag.FlagSet, l *host.Limits) {
	for name, n := range map[string]*int{
		"max-sockets": &l.Sockets, "max-files": &l.Files, "max-listeners": &l.Listeners, "max-connections": &l.Connections,
	} {
		flags.Func(name, "", Count(n))
	}
	for name, n := range map[string]*uint64{
		"max-memory": &l.Memory, "read-rate": &l.ReadRate, "write-rate": &l.WriteRate,
	} {
		flags.Func(name, "", size(n))
	}
	flags.Func("lookup-rate", "", func(v string) error {
		var n int
		err := Count(&n)(v)
		l.LookupRate = uint64(n)
		return err
	})
	for name, d := range map[string]*time.Duration{"timeout": &l.WallTime, "cpu-time": &l.CPUTime} {
		flags.Func(name, "", Time(d, 1))
	}
}

// met returns a function for Cmd.OnLimit that says once of each limit what it does.
func (c *Command) met() func(field string) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(field string) {
		mu.Lock()
		defer mu.Unlock()
		if what := consequences[field]; what != "" && !told[field] {
			told[field] = true
			c.say("%s is at its limit: %s", c.File, what)
		}
	}
}

// consequences is what limits do once they are reached, by field of host.Limits.
var consequences = map[string]string{
	"Sockets":     "no more sockets can be opened; raise --max-sockets",
	"Files":       "no more files can be opened; raise --max-files",
	"Listeners":   "no more sockets can listen; raise --max-listeners",
	"Connections": "more connections of that listener wait until one closes; raise --max-connections",
	"ReadRate":    "what it reads is delayed; raise --read-rate",
	"WriteRate":   "what it writes is delayed; raise --write-rate",
	"LookupRate":  "names are not looked up; raise --lookup-rate",
}

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

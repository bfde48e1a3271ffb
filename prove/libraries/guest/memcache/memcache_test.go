// Package memcache uses github.com/bradfitz/gomemcache with memcached.
package memcache

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func client(t *testing.T, server string) *memcache.Client {
	c := memcache.New(given.Value(t, server))
	c.Timeout, c.MaxIdleConns = 20*time.Second, 16
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRoundTrips(t *testing.T) {
	for _, server := range []string{"MEMCACHED_ADDR", "MEMCACHED_UNIX"} {
		t.Run(server, func(t *testing.T) {
			c := client(t, server)
			if err := c.DeleteAll(); err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				key, want := fmt.Sprint("key", i), []byte(fmt.Sprint("value", i))
				if err := c.Set(&memcache.Item{Key: key, Value: want, Flags: uint32(i)}); err != nil {
					t.Fatal(err)
				}
				if got, err := c.Get(key); err != nil || !bytes.Equal(got.Value, want) || got.Flags != uint32(i) {
					t.Fatalf("%+v, %v; want %q", got, err, want)
				}
			}
			if _, err := c.Get("absent"); !errors.Is(err, memcache.ErrCacheMiss) {
				t.Errorf("an absent key: %v", err)
			}
			big := given.Bytes(1<<20+1, 5)
			if err := c.Set(&memcache.Item{Key: "big", Value: big}); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Get("big"); err != nil || !bytes.Equal(got.Value, big) {
				t.Errorf("the large value came back otherwise, or not: %v", err)
			}
		})
	}
}

func TestTogether(t *testing.T) {
	c := client(t, "MEMCACHED_ADDR")
	if err := c.Set(&memcache.Item{Key: "counter", Value: []byte("0")}); err != nil {
		t.Fatal(err)
	}
	const goroutines, rounds = 16, 25
	given.Together(t, goroutines, func(int) error {
		for range rounds {
			if _, err := c.Increment("counter", 1); err != nil {
				return err
			}
		}
		return nil
	})
	if got, err := c.Get("counter"); err != nil || string(got.Value) != fmt.Sprint(goroutines*rounds) {
		t.Errorf("%+v, %v; want %d", got, err, goroutines*rounds)
	}
}

func TestDeadline(t *testing.T) {
	c := memcache.New(given.Value(t, "SILENT"))
	c.Timeout = 300 * time.Millisecond
	given.Expires(t, c.Timeout, func() error { return c.Ping() })
}

func TestRestart(t *testing.T) {
	c := client(t, "MEMCACHED_ADDR")
	if err := c.Ping(); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "memcached")
	given.Eventually(t, c.Ping)
	if _, err := c.Get("counter"); !errors.Is(err, memcache.ErrCacheMiss) {
		t.Errorf("a value outlived its server: %v", err)
	}
}

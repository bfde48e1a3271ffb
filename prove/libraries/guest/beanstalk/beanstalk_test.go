// Package beanstalk uses github.com/beanstalkd/go-beanstalk with beanstalkd.
package beanstalk

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/beanstalkd/go-beanstalk"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func dial(t *testing.T) *beanstalk.Conn {
	c, err := beanstalk.Dial("tcp", given.Value(t, "BEANSTALKD_ADDR"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestJobs(t *testing.T) {
	c := dial(t)
	for i := range 30 {
		want := []byte(fmt.Sprint("job ", i))
		id, err := c.Put(want, 1, 0, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if got, body, err := c.Reserve(time.Minute); err != nil || got != id || !bytes.Equal(body, want) {
			t.Fatalf("%d %q, %v; want %d %q", got, body, err, id, want)
		}
		if err := c.Delete(id); err != nil {
			t.Fatal(err)
		}
	}
	big := given.Bytes(1<<20+1, 18)
	id, err := c.Put(big, 1, 0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, body, err := c.Reserve(time.Minute); err != nil || !bytes.Equal(body, big) {
		t.Errorf("a large job: %v", err)
	}
	if err := c.Delete(id); err != nil {
		t.Error(err)
	}
	start := time.Now()
	if _, _, err := c.Reserve(time.Second); !errors.Is(err, beanstalk.ErrTimeout) || time.Since(start) < 900*time.Millisecond {
		t.Errorf("no job: %v after %v", err, time.Since(start))
	}
}

func TestTogether(t *testing.T) {
	const workers, each = 8, 10
	conns := make([]*beanstalk.Conn, workers)
	for i := range conns {
		conns[i] = dial(t)
	}
	taker, results := dial(t), make(chan string, workers*each)
	given.Together(t, 2*workers, func(i int) error {
		c := conns[i%workers]
		for j := range each {
			if i < workers {
				if _, err := beanstalk.NewTube(c, "together").Put([]byte(fmt.Sprint(i, j)), 1, 0, time.Minute); err != nil {
					return err
				}
			} else if i == workers { // one takes them all
				for range workers {
					id, body, err := beanstalk.NewTubeSet(taker, "together").Reserve(time.Minute)
					if err != nil {
						return err
					}
					results <- string(body)
					if err := taker.Delete(id); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	seen := map[string]bool{}
	for range workers * each {
		seen[<-results] = true
	}
	if len(seen) != workers*each {
		t.Errorf("%d jobs; want %d", len(seen), workers*each)
	}
}

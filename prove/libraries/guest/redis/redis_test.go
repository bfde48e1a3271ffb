// Package redis uses github.com/redis/go-redis with redis-server.
package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func options(t *testing.T, network string) *redis.Options {
	o := &redis.Options{Network: network, ContextTimeoutEnabled: true, PoolSize: 16, ReadTimeout: time.Minute}
	switch network {
	case "unix":
		o.Addr = given.Value(t, "REDIS_UNIX")
	case "tls":
		o.Network, o.Addr, o.TLSConfig = "tcp", given.Value(t, "REDIS_TLS"), given.ClientTLS(t)
	default:
		o.Addr = given.Value(t, "REDIS_ADDR")
	}
	return o
}

func client(t *testing.T, network string) *redis.Client {
	c := redis.NewClient(options(t, network))
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRoundTrips(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "tls"} {
		t.Run(network, func(t *testing.T) {
			ctx, c := context.Background(), client(t, network)
			if err := c.FlushDB(ctx).Err(); err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				key, want := fmt.Sprint("key", i), fmt.Sprint("value", i)
				if err := c.Set(ctx, key, want, time.Hour).Err(); err != nil {
					t.Fatal(err)
				}
				if got, err := c.Get(ctx, key).Result(); got != want || err != nil {
					t.Fatalf("%q, %v; want %q", got, err, want)
				}
			}
			if _, err := c.Get(ctx, "absent").Result(); err != redis.Nil {
				t.Errorf("an absent key: %v", err)
			}
			big := given.Bytes(1<<20+1, 1)
			if err := c.Set(ctx, "big", big, 0).Err(); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Get(ctx, "big").Bytes(); err != nil || !bytes.Equal(got, big) {
				t.Errorf("%d of %d bytes came back as they were sent, %v", len(got), len(big), err)
			}
		})
	}
}

func TestTogether(t *testing.T) {
	ctx, c := context.Background(), client(t, "tcp")
	c.Del(ctx, "counter", "pipelined")
	const goroutines, rounds = 16, 25
	given.Together(t, goroutines, func(int) error {
		for range rounds {
			if err := c.Incr(ctx, "counter").Err(); err != nil {
				return err
			}
		}
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for range rounds {
				p.Incr(ctx, "pipelined")
			}
			return nil
		})
		return err
	})
	for _, key := range []string{"counter", "pipelined"} {
		if n, err := c.Get(ctx, key).Int(); n != goroutines*rounds || err != nil {
			t.Errorf("%s is %d, %v; want %d", key, n, err, goroutines*rounds)
		}
	}
}

func TestPublish(t *testing.T) {
	ctx, c := context.Background(), client(t, "tcp")
	s := c.Subscribe(ctx, "news")
	defer s.Close()
	if _, err := s.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	messages := s.Channel()
	for i := range 20 {
		if err := c.Publish(ctx, "news", i).Err(); err != nil {
			t.Fatal(err)
		}
		if m := <-messages; m.Payload != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
	}
}

func TestDeadline(t *testing.T) {
	c := client(t, "tcp")
	given.Expires(t, 300*time.Millisecond, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		return c.BLPop(ctx, time.Minute, "nothing").Err()
	})
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Errorf("after the deadline: %v", err)
	}
}

func TestRestart(t *testing.T) {
	ctx, c := context.Background(), client(t, "tcp")
	if err := c.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "redis")
	given.Eventually(t, func() error { return c.Ping(ctx).Err() })
}

func TestUntrusted(t *testing.T) {
	o := options(t, "tls")
	o.TLSConfig, o.MaxRetries = &tls.Config{ServerName: "localhost"}, -1
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.Ping(context.Background()).Err(); err == nil {
		t.Error("a certificate that nobody trusts was taken")
	}
}

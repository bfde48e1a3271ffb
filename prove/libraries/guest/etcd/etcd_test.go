// Package etcd uses go.etcd.io/etcd/client/v3 with etcd.
package etcd

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func dial(t *testing.T) *clientv3.Client {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{given.Value(t, "ETCD_ADDR")}, DialTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestValues(t *testing.T) {
	c := dial(t)
	ctx := t.Context()
	big := given.Bytes(1<<20, 21)
	for name, want := range map[string][]byte{"values/empty": nil, "values/small": []byte("text"), "values/large": big} {
		if _, err := c.Put(ctx, name, string(want)); err != nil {
			t.Fatal(err)
		}
		got, err := c.Get(ctx, name)
		if err != nil || len(got.Kvs) != 1 || !bytes.Equal(got.Kvs[0].Value, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := c.Get(ctx, "values/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || all.Count != 3 {
		t.Errorf("%v, %v", all, err)
	}
	for _, want := range []bool{true, false} {
		r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Value("values/small"), "=", "text")).Then(clientv3.OpPut("values/small", "other")).Commit()
		if err != nil || r.Succeeded != want {
			t.Errorf("transaction: %v, %v; want %v", r, err, want)
		}
	}
}

func TestWatch(t *testing.T) {
	c := dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const n = 50
	events := c.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if r := <-events; !r.Created {
		t.Fatalf("%+v", r)
	}
	other := dial(t)
	go func() {
		for i := range n {
			other.Put(ctx, "watch/key", fmt.Sprint(i))
		}
	}()
	for seen := 0; seen < n; {
		r, ok := <-events
		if !ok || r.Err() != nil {
			t.Fatalf("after %d: %v", seen, r.Err())
		}
		for _, e := range r.Events {
			if string(e.Kv.Value) != fmt.Sprint(seen) {
				t.Errorf("%q; want %d", e.Kv.Value, seen)
			}
			seen++
		}
	}
}

// TestLease holds that a key lives as long as its lease is kept alive.
func TestLease(t *testing.T) {
	c := dial(t)
	lease, err := c.Grant(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), "lease", "text", clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		r, err := c.Get(t.Context(), "lease")
		if err != nil {
			t.Fatal(err)
		}
		return r.Count == 1
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	alive, err := c.KeepAlive(ctx, lease.ID)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(7 * time.Second); time.Now().Before(end); {
		if _, ok := <-alive; !ok {
			t.Fatal("it is no longer kept alive")
		}
	}
	if !there() {
		t.Error("the key is gone while its lease is kept alive")
	}
	stop()
	given.Eventually(t, func() error {
		if there() {
			return fmt.Errorf("the key outlives its lease")
		}
		return nil
	})
}

func TestTogether(t *testing.T) {
	c := dial(t)
	given.Together(t, 16, func(i int) error {
		for j := range 20 {
			key, want := fmt.Sprint("together/", i), fmt.Sprint(j)
			if _, err := c.Put(t.Context(), key, want); err != nil {
				return err
			}
			if got, err := c.Get(t.Context(), key); err != nil || string(got.Kvs[0].Value) != want {
				return fmt.Errorf("%v, %w", got, err)
			}
		}
		return nil
	})
}

// TestRestart goes on with a server that has ended meanwhile.
func TestRestart(t *testing.T) {
	c := dial(t)
	if _, err := c.Put(t.Context(), "restart", "text"); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "etcd")
	given.Eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		got, err := c.Get(ctx, "restart")
		if err == nil && (len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "text") {
			t.Errorf("%+v", got)
		}
		return err
	})
}

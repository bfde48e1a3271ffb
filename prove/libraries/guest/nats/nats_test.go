// Package nats uses github.com/nats-io/nats.go with nats-server.
package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func connect(t *testing.T) *nats.Conn {
	c, err := nats.Connect(given.Value(t, "NATS_URL"), nats.Secure(given.ClientTLS(t)), nats.Timeout(time.Minute),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPublish(t *testing.T) {
	c := connect(t)
	s, err := c.SubscribeSync("news.*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		want := fmt.Sprint("message ", i)
		if err := c.Publish("news.today", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if m, err := s.NextMsg(time.Minute); err != nil || string(m.Data) != want {
			t.Fatalf("%+v, %v; want %q", m, err, want)
		}
	}
	big := given.Bytes(1<<20, 15) // the most that there can be
	if err := c.Publish("news.large", big); err != nil {
		t.Fatal(err)
	}
	if m, err := s.NextMsg(time.Minute); err != nil || !bytes.Equal(m.Data, big) {
		t.Errorf("a large message: %v", err)
	}
	start := time.Now()
	if _, err := s.NextMsg(300 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) || time.Since(start) < 300*time.Millisecond {
		t.Errorf("no message: %v after %v", err, time.Since(start))
	}
}

func TestRequestsTogether(t *testing.T) {
	server, client := connect(t), connect(t)
	if _, err := server.QueueSubscribe("upper", "workers", func(m *nats.Msg) { m.Respond(bytes.ToUpper(m.Data)) }); err != nil {
		t.Fatal(err)
	}
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	given.Together(t, 16, func(i int) error {
		for j := range 10 {
			m, err := client.Request("upper", []byte(fmt.Sprintf("r%d-%d", i, j)), time.Minute)
			if want := fmt.Sprintf("R%d-%d", i, j); err != nil || string(m.Data) != want {
				return fmt.Errorf("%v, %w; want %q", m, err, want)
			}
		}
		return nil
	})
	s, err := server.SubscribeSync("deaf") // so that somebody is there
	if err != nil {
		t.Fatal(err)
	}
	defer s.Unsubscribe()
	server.Flush()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.RequestWithContext(ctx, "deaf", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) < 300*time.Millisecond {
		t.Errorf("no answer: %v after %v", err, time.Since(start))
	}
}

func TestStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	js, err := jetstream.New(connect(t))
	if err != nil {
		t.Fatal(err)
	}
	js.DeleteStream(ctx, "ORDERS")
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	const messages = 40
	given.Together(t, 8, func(i int) error {
		for j := range messages / 8 {
			if _, err := js.Publish(ctx, "orders.new", []byte(fmt.Sprint(i, j))); err != nil {
				return err
			}
		}
		return nil
	})
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	batch, err := consumer.Fetch(messages)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		seen[string(m.Data())] = true
		if err := m.Ack(); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != messages || batch.Error() != nil {
		t.Errorf("%d messages, %v; want %d", len(seen), batch.Error(), messages)
	}
}

func TestRestart(t *testing.T) {
	c := connect(t)
	again := make(chan struct{}, 1)
	c.SetReconnectHandler(func(*nats.Conn) { again <- struct{}{} })
	s, err := c.SubscribeSync("after")
	if err != nil {
		t.Fatal(err)
	}
	c.Flush()
	given.Restart(t, "nats")
	<-again
	if err := c.Publish("after", []byte("there")); err != nil {
		t.Fatal(err)
	}
	if m, err := s.NextMsg(time.Minute); err != nil || string(m.Data) != "there" {
		t.Errorf("after a restart: %v, %v", m, err)
	}
}

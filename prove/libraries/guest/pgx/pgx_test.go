// Package pgx uses github.com/jackc/pgx with PostgreSQL.
package pgx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// pool connects by TCP with TLS and a password, or by a UNIX socket.
func pool(t *testing.T, network string) *pgxpool.Pool {
	cfg, err := pgxpool.ParseConfig(given.Value(t, "POSTGRES_URL") + "?sslmode=require")
	if network == "unix" {
		cfg, err = pgxpool.ParseConfig(given.Value(t, "POSTGRES_UNIX"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		cfg.ConnConfig.TLSConfig = given.ClientTLS(t)
	}
	cfg.MaxConns = 8
	cfg.ConnConfig.ConnectTimeout = time.Minute
	p, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestRoundTrips(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			ctx, p := context.Background(), pool(t, network)
			var encrypted bool
			if err := p.QueryRow(ctx, "select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)").Scan(&encrypted); err != nil || encrypted != (network == "tcp") {
				t.Fatalf("encrypted is %v, %v", encrypted, err)
			}
			for i := range 50 {
				var sum int
				var text string
				if err := p.QueryRow(ctx, "select $1::int + 1, 'n' || $1::text", i).Scan(&sum, &text); err != nil || sum != i+1 || text != fmt.Sprint("n", i) {
					t.Fatalf("%d, %q, %v", sum, text, err)
				}
			}
			big := given.Bytes(1<<20+1, 2)
			var back []byte
			if err := p.QueryRow(ctx, "select $1::bytea", big).Scan(&back); err != nil || !bytes.Equal(back, big) {
				t.Errorf("%d of %d bytes came back as they were sent, %v", len(back), len(big), err)
			}
		})
	}
}

func TestCopyAndTogether(t *testing.T) {
	ctx, p := context.Background(), pool(t, "tcp")
	if _, err := p.Exec(ctx, "drop table if exists pgx_rows; create table pgx_rows (n int primary key, text text)"); err != nil {
		t.Fatal(err)
	}
	const rows = 1000
	n, err := p.CopyFrom(ctx, pgx.Identifier{"pgx_rows"}, []string{"n", "text"}, pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
		return []any{i, fmt.Sprintf("%01100d", i)}, nil
	}))
	if n != rows || err != nil {
		t.Fatalf("copied %d, %v", n, err)
	}
	given.Together(t, 16, func(i int) error {
		tx, err := p.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		found, err := tx.Query(ctx, "select n, text from pgx_rows where n % 16 = $1 order by n", i)
		if err != nil {
			return err
		}
		defer found.Close()
		next := i
		for ; found.Next(); next += 16 {
			var n int
			var text string
			if err := found.Scan(&n, &text); err != nil || n != next || text != fmt.Sprintf("%01100d", n) {
				return fmt.Errorf("row %d: %d, %q, %v", next, n, text, err)
			}
		}
		if err := found.Err(); err != nil || next < rows {
			return fmt.Errorf("ended at row %d: %v", next, err)
		}
		return tx.Commit(ctx)
	})
}

func TestNotify(t *testing.T) {
	ctx, p := context.Background(), pool(t, "unix")
	c, err := p.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if _, err := c.Exec(ctx, "listen news"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		want := fmt.Sprint("message ", i)
		go p.Exec(ctx, "select pg_notify('news', $1)", want)
		n, err := c.Conn().WaitForNotification(ctx)
		if err != nil || n.Payload != want {
			t.Fatalf("%+v, %v; want %q", n, err, want)
		}
	}
}

func TestDeadline(t *testing.T) {
	p := pool(t, "tcp")
	if err := p.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	given.Expires(t, 300*time.Millisecond, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := p.Exec(ctx, "select pg_sleep(60)")
		return err
	})
	// The server is told to cancel, by another connection.
	var syntax *pgconn.PgError
	if _, err := p.Exec(context.Background(), "selec"); !errors.As(err, &syntax) || syntax.Code != "42601" {
		t.Errorf("a syntax error after the deadline: %v", err)
	}
}

func TestRestart(t *testing.T) {
	ctx, p := context.Background(), pool(t, "tcp")
	if err := p.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "postgres")
	given.Eventually(t, func() error { return p.Ping(ctx) })
}

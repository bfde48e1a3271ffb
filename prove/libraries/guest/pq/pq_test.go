// Package pq uses github.com/lib/pq, through database/sql, with PostgreSQL.
package pq

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// source is a URL, by TCP with TLS and a password.
func source(t *testing.T) string {
	if err := pq.RegisterTLSConfig("given", given.ClientTLS(t)); err != nil {
		t.Fatal(err)
	}
	return given.Value(t, "POSTGRES_URL") + "?sslmode=pqgo-given"
}

func open(t *testing.T, source string) *sql.DB {
	db, err := sql.Open("postgres", source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestRoundTrips(t *testing.T) {
	for network, source := range map[string]string{"tcp": source(t), "unix": given.Value(t, "POSTGRES_UNIX") + " sslmode=disable"} {
		t.Run(network, func(t *testing.T) {
			db := open(t, source)
			for i := range 50 {
				var sum int
				if err := db.QueryRow("select $1::int + 1", i).Scan(&sum); err != nil || sum != i+1 {
					t.Fatalf("%d, %v", sum, err)
				}
			}
			big := given.Bytes(1<<20, 3)
			var back []byte
			if err := db.QueryRow("select $1::bytea", big).Scan(&back); err != nil || !bytes.Equal(back, big) {
				t.Errorf("%d of %d bytes came back as they were sent, %v", len(back), len(big), err)
			}
		})
	}
}

func TestTransactionsTogether(t *testing.T) {
	db := open(t, source(t))
	if _, err := db.Exec("drop table if exists pq_sums; create table pq_sums (n int primary key, sum int not null); insert into pq_sums select n, 0 from generate_series(0, 3) n"); err != nil {
		t.Fatal(err)
	}
	const goroutines, rounds = 16, 10
	given.Together(t, goroutines, func(i int) error {
		for range rounds {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			if _, err := tx.Exec("update pq_sums set sum = sum + 1 where n = $1", i%4); err != nil {
				tx.Rollback()
				return err
			}
			if err := tx.Commit(); err != nil {
				return err
			}
		}
		return nil
	})
	var least, most int
	if err := db.QueryRow("select min(sum), max(sum) from pq_sums").Scan(&least, &most); err != nil || least != goroutines*rounds/4 || most != least {
		t.Errorf("between %d and %d, %v; want %d", least, most, err, goroutines*rounds/4)
	}
}

func TestListen(t *testing.T) {
	l := pq.NewListener(source(t), time.Second, time.Minute, func(_ pq.ListenerEventType, err error) {
		if err != nil {
			t.Errorf("the listener: %v", err)
		}
	})
	defer l.Close()
	if err := l.Listen("pq_news"); err != nil {
		t.Fatal(err)
	}
	db := open(t, source(t))
	for i := range 10 {
		if _, err := db.Exec("select pg_notify('pq_news', $1)", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if n := <-l.Notify; n == nil || n.Extra != fmt.Sprint(i) {
			t.Fatalf("notification %d is %+v", i, n)
		}
	}
}

// The server is told to cancel, by another connection, and says that it has.
func TestDeadline(t *testing.T) {
	db := open(t, source(t))
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := db.ExecContext(ctx, "select pg_sleep(60)")
	var answer *pq.Error
	if canceled := errors.As(err, &answer) && answer.Code == "57014"; !canceled && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRestart(t *testing.T) {
	db := open(t, source(t))
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "postgres")
	given.Eventually(t, db.Ping)
}

// Package mysql uses github.com/go-sql-driver/mysql with MariaDB.
package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// open opens the database. Each of params, such as wait_timeout=1, is set in every session.
func open(t *testing.T, network string, params ...string) *sql.DB {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net = "guest", given.Value(t, "MARIADB_PASSWORD"), "test", network
	cfg.MaxAllowedPacket = 0 // what the server allows
	if network == "unix" {
		cfg.Addr = given.Value(t, "MARIADB_UNIX")
	} else {
		cfg.Addr, cfg.TLS = given.Value(t, "MARIADB_ADDR"), given.ClientTLS(t)
	}
	cfg.Params = map[string]string{}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		cfg.Params[name] = value
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestRoundTrips(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			db := open(t, network)
			var name, cipher string
			if err := db.QueryRow("show status like 'Ssl_cipher'").Scan(&name, &cipher); err != nil || (cipher != "") != (network == "tcp") {
				t.Fatalf("the cipher is %q, %v", cipher, err)
			}
			s, err := db.Prepare("select ? + 1, concat('n', ?)")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i := range 50 {
				var sum int
				var text string
				if err := s.QueryRow(i, i).Scan(&sum, &text); err != nil || sum != i+1 || text != fmt.Sprint("n", i) {
					t.Fatalf("%d, %q, %v", sum, text, err)
				}
			}
			big := given.Bytes(1<<20+1, 4)
			var back []byte
			if err := db.QueryRow("select cast(? as binary)", big).Scan(&back); err != nil || !bytes.Equal(back, big) {
				t.Errorf("%d of %d bytes came back as they were sent, %v", len(back), len(big), err)
			}
		})
	}
}

func TestTransactionsTogether(t *testing.T) {
	db := open(t, "tcp")
	for _, s := range []string{"drop table if exists sums", "create table sums (n int primary key, sum int not null) engine=InnoDB", "insert into sums values (0, 0), (1, 0), (2, 0), (3, 0)"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	const goroutines, rounds = 16, 10
	given.Together(t, goroutines, func(i int) error {
		for range rounds {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			if _, err := tx.Exec("update sums set sum = sum + 1 where n = ?", i%4); err != nil {
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
	if err := db.QueryRow("select min(sum), max(sum) from sums").Scan(&least, &most); err != nil || least != goroutines*rounds/4 || most != least {
		t.Errorf("between %d and %d, %v; want %d", least, most, err, goroutines*rounds/4)
	}
}

func TestDeadline(t *testing.T) {
	db := open(t, "tcp")
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	given.Expires(t, 300*time.Millisecond, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		var n int
		return db.QueryRowContext(ctx, "select sleep(60)").Scan(&n)
	})
	var answer *mysql.MySQLError
	if _, err := db.Exec("selec"); !errors.As(err, &answer) || answer.Number != 1064 {
		t.Errorf("a syntax error after the deadline: %v", err)
	}
}

func TestRestart(t *testing.T) {
	db := open(t, "tcp")
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	given.Restart(t, "mariadb")
	given.Eventually(t, db.Ping)
}

// TestAfterWaitTimeout: the first statement on a connection that the server has closed for
// being idle succeeds, whether the program slept meanwhile or computed.
func TestAfterWaitTimeout(t *testing.T) {
	const idle = 2500 * time.Millisecond // more than twice wait_timeout
	for _, way := range []struct {
		name string
		pass func()
	}{
		{"sleep", func() { time.Sleep(idle) }},
		{"compute", func() { given.Compute(idle) }},
	} {
		for range 5 {
			db := open(t, "tcp", "wait_timeout=1")
			var id, second int
			if err := db.QueryRow("select connection_id()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			way.pass()
			if err := db.QueryRow("select connection_id()").Scan(&second); err != nil {
				t.Errorf("%s: the first statement after wait_timeout: %v", way.name, err)
			} else if second == id {
				t.Errorf("%s: the server has not closed the connection", way.name)
			}
			if _, err := db.Exec("do 1"); err != nil {
				t.Errorf("%s: the second statement: %v", way.name, err)
			}
		}
	}
}

package libraries

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func redisServer(w *world) (*server, error) {
	program, err := installed("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	s := &server{}
	if s.version, err = version(program, "--version"); err != nil {
		return nil, err
	}
	dir, err := w.directory("redis", nil)
	if err != nil {
		return nil, err
	}
	plain, err := port()
	if err != nil {
		return nil, err
	}
	tls, err := port()
	if err != nil {
		return nil, err
	}
	unix := filepath.Join(dir, "socket")
	s.env = map[string]string{"REDIS_ADDR": "127.0.0.1:" + plain, "REDIS_TLS": "127.0.0.1:" + tls, "REDIS_UNIX": unix}
	s.allow = []string{"dial tcp 127.0.0.1:" + plain, "dial tcp 127.0.0.1:" + tls, "dial unix " + unix}
	s.launch = func() (*process, error) {
		p, err := w.start("redis", nil, program, "--bind", "127.0.0.1", "--port", plain, "--dir", dir, "--unixsocket", unix,
			"--tls-port", tls, "--tls-cert-file", w.tls.cert, "--tls-key-file", w.tls.key, "--tls-ca-cert-file", w.tls.ca, "--tls-auth-clients", "no")
		if err != nil {
			return nil, err
		}
		return p, p.await(answers("unix", unix))
	}
	return s, nil
}

func memcached(w *world) (*server, error) {
	program, err := installed("memcached", "memcached")
	if err != nil {
		return nil, err
	}
	s := &server{}
	if s.version, err = version(program, "--version"); err != nil {
		return nil, err
	}
	user := nobody()
	dir, err := w.directory("memcached", user)
	if err != nil {
		return nil, err
	}
	tcp, err := port()
	if err != nil {
		return nil, err
	}
	// memcached listens at one of them or the other.
	unix := filepath.Join(dir, "socket")
	s.env = map[string]string{"MEMCACHED_ADDR": "127.0.0.1:" + tcp, "MEMCACHED_UNIX": unix}
	s.allow = []string{"dial tcp 127.0.0.1:" + tcp, "dial unix " + unix}
	p, err := w.start("memcached-unix", user, program, "-s", unix, "-I", "8m")
	if err != nil {
		return nil, err
	}
	if err := p.await(answers("unix", unix)); err != nil {
		return nil, err
	}
	s.launch = func() (*process, error) {
		p, err := w.start("memcached", user, program, "-l", "127.0.0.1", "-p", tcp, "-I", "8m")
		if err != nil {
			return nil, err
		}
		return p, p.await(answers("tcp", "127.0.0.1:"+tcp))
	}
	return s, nil
}

const password = "correct horse"

// keyFor is a copy of the key that user alone can read, as some servers demand.
func (w *world) keyFor(dir string, user *syscall.Credential) (string, error) {
	file := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(file, []byte(w.tls.keyText), 0o600); err != nil || user == nil {
		return file, err
	}
	return file, os.Chown(file, int(user.Uid), int(user.Gid))
}

func postgres(w *world) (*server, error) {
	program, err := installed("postgres", "postgresql")
	if err != nil {
		return nil, err
	}
	initdb, err := installed("initdb", "postgresql")
	if err != nil {
		return nil, err
	}
	isReady, err := installed("pg_isready", "postgresql")
	if err != nil {
		return nil, err
	}
	s := &server{}
	if s.version, err = version(program, "--version"); err != nil {
		return nil, err
	}
	user := nobody()
	dir, err := w.directory("postgres", user)
	if err != nil {
		return nil, err
	}
	key, err := w.keyFor(dir, user)
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(w.dir, "postgres.password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if _, err := command(user, initdb, "-D", data, "-U", "guest", "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile="+secret, "--no-sync", "--locale=C", "--encoding=UTF8"); err != nil {
		return nil, err
	}
	tcp, err := port()
	if err != nil {
		return nil, err
	}
	unix := filepath.Join(dir, ".s.PGSQL."+tcp)
	s.env = map[string]string{
		"POSTGRES_URL":  "postgres://guest:" + strings.ReplaceAll(password, " ", "%20") + "@127.0.0.1:" + tcp + "/postgres",
		"POSTGRES_UNIX": "host=" + dir + " port=" + tcp + " user=guest dbname=postgres",
	}
	s.allow = []string{"dial tcp 127.0.0.1:" + tcp, "dial unix " + unix}
	s.launch = func() (*process, error) {
		p, err := w.start("postgres", user, program, "-D", data, "-h", "127.0.0.1", "-p", tcp, "-k", dir, "-F",
			"-c", "authentication_timeout=120", "-c", "ssl=on", "-c", "ssl_cert_file="+w.tls.cert, "-c", "ssl_key_file="+key)
		if err != nil {
			return nil, err
		}
		// SIGINT is a fast shutdown, while SIGTERM waits for clients to leave.
		p.end = syscall.SIGINT
		return p, p.await(func() error {
			_, err := command(user, isReady, "-h", dir, "-p", tcp)
			return err
		})
	}
	return s, nil
}

func mariadb(w *world) (*server, error) {
	program, err := installed("mariadbd", "mariadb-server")
	if err != nil {
		return nil, err
	}
	install, err := installed("mariadb-install-db", "mariadb-server")
	if err != nil {
		return nil, err
	}
	s := &server{}
	if s.version, err = version(program, "--no-defaults", "--version"); err != nil {
		return nil, err
	}
	user := nobody()
	dir, err := w.directory("mariadb", user)
	if err != nil {
		return nil, err
	}
	key, err := w.keyFor(dir, user)
	if err != nil {
		return nil, err
	}
	data, unix := filepath.Join(dir, "data"), filepath.Join(dir, "socket")
	if _, err := command(user, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"); err != nil {
		return nil, err
	}
	tcp, err := port()
	if err != nil {
		return nil, err
	}
	prepare := filepath.Join(w.dir, "mariadb.sql")
	text := "create database if not exists test;\ncreate user if not exists guest identified by '" + password + "';\ngrant all on test.* to guest;\n" // a line each
	if err := os.WriteFile(prepare, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s.env = map[string]string{"MARIADB_ADDR": "127.0.0.1:" + tcp, "MARIADB_UNIX": unix, "MARIADB_PASSWORD": password}
	s.allow = []string{"dial tcp 127.0.0.1:" + tcp, "dial unix " + unix}
	s.launch = func() (*process, error) {
		p, err := w.start("mariadb", user, program, "--no-defaults", "--datadir="+data, "--socket="+unix, "--bind-address=127.0.0.1", "--port="+tcp,
			"--init-file="+prepare, "--skip-name-resolve", "--max-allowed-packet=16M", "--innodb-flush-log-at-trx-commit=0",
			"--connect-timeout=120", "--ssl-cert="+w.tls.cert, "--ssl-key="+key, "--ssl-ca="+w.tls.ca)
		if err != nil {
			return nil, err
		}
		return p, p.await(answers("tcp", "127.0.0.1:"+tcp))
	}
	return s, nil
}

// Package ssh uses golang.org/x/crypto/ssh with OpenSSH's sshd.
package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func config(t *testing.T) *ssh.ClientConfig {
	key, err := ssh.ParsePrivateKey([]byte(strings.ReplaceAll(given.Value(t, "SSH_KEY"), "|", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(given.Value(t, "SSH_HOST_KEY")))
	if err != nil {
		t.Fatal(err)
	}
	return &ssh.ClientConfig{
		User: given.Value(t, "SSH_USER"), Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(host), HostKeyAlgorithms: []string{host.Type()},
	}
}

func dial(t *testing.T) *ssh.Client {
	c, err := ssh.Dial("tcp", given.Value(t, "SSH_ADDR"), config(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func run(c *ssh.Client, command string, stdin io.Reader) ([]byte, error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.Stdin = stdin
	return s.Output(command)
}

func TestCommands(t *testing.T) {
	c := dial(t)
	given.Together(t, 8, func(i int) error {
		for j := range 3 {
			want := fmt.Sprintf("%d-%d", i, j)
			if got, err := run(c, "printf %s "+want, nil); err != nil || string(got) != want {
				return fmt.Errorf("%q, %w; want %q", got, err, want)
			}
		}
		return nil
	})
	big := given.Bytes(1<<20, 16)
	if got, err := run(c, "cat", bytes.NewReader(big)); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d of %d bytes came back as they were sent, %v", len(got), len(big), err)
	}
	var exit *ssh.ExitError
	if _, err := run(c, "exit 3", nil); !errors.As(err, &exit) || exit.ExitStatus() != 3 {
		t.Errorf("exit 3: %v", err)
	}
	if _, err := run(c, "kill -TERM $$", nil); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("a signal: %v", err)
	}
}

func TestForward(t *testing.T) {
	c := dial(t)
	given.Together(t, 8, func(i int) error {
		tunnel, err := c.Dial("tcp", given.Value(t, "ECHO"))
		if err != nil {
			return err
		}
		defer tunnel.Close()
		return given.Echoes(tunnel, 128<<10, uint64(i))
	})
}

// TestReverse listens at the server's side.
func TestReverse(t *testing.T) {
	c := dial(t)
	l, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go given.Echo(conn)
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	want := "there and back"
	command := fmt.Sprintf("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d && printf \"%s\" >&3 && head -c %d <&3'", port, want, len(want))
	if got, err := run(c, command, nil); err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestRefused(t *testing.T) {
	cfg := config(t)
	cfg.Auth = []ssh.AuthMethod{ssh.Password("wrong")}
	if _, err := ssh.Dial("tcp", given.Value(t, "SSH_ADDR"), cfg); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("without the key: %v", err)
	}
}

func TestDeadline(t *testing.T) {
	c, err := net.Dial("tcp", given.Value(t, "SILENT"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	given.Expires(t, 300*time.Millisecond, func() error {
		c.SetDeadline(time.Now().Add(300 * time.Millisecond))
		_, _, _, err := ssh.NewClientConn(c, "", config(t))
		return err
	})
}

package libraries

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// httpPrograms runs native programs against the server of net/http, which listens at
// addrs, first without TLS.
func httpPrograms(t *testing.T, addrs []string) {
	t.Run("h2spec", func(t *testing.T) { h2spec(t, addrs[1]) })
	t.Run("h2load", func(t *testing.T) { h2load(t, addrs[1]) })
	t.Run("nginx", func(t *testing.T) { nginx(t, addrs[0]) })
}

// accepted are the cases of h2spec that Go's server fails natively too.
var accepted = []string{
	"http2/4.2 Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
	"http2/6.5.3 Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE",
	"http2/8.1.2.2 Sends a HEADERS frame that contains the connection-specific header field",
	"http2/8.1.2.2 Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"",
}

// h2spec is the conformance suite of HTTP/2.
func h2spec(t *testing.T, addr string) {
	program, err := here.tool("github.com/summerwind/h2spec/cmd/h2spec")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	out, err := command(nil, program, "-h", host, "-p", port, "-t", "-k", "-o", "5", "-j", report)
	text, e := os.ReadFile(report)
	if e != nil {
		t.Fatalf("no report: %v, %v\n%s", e, err, out)
	}
	var suites struct {
		Suite []struct {
			Case []struct {
				Package string    `xml:"package,attr"`
				Name    string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	var passes int
	var failures []string
	for _, s := range suites.Suite {
		for _, c := range s.Case {
			switch {
			case c.Failure != nil || c.Error != nil:
				failures = append(failures, c.Package+" "+c.Name)
			case c.Skipped == nil:
				passes++
			}
		}
	}
	t.Logf("%d cases pass", passes)
	if !slices.Equal(failures, accepted) || passes < 140 {
		t.Errorf("%d cases pass; these fail: %q; want %q\n%s", passes, failures, accepted, out)
	}
}

// h2load is nghttp2's load generator.
func h2load(t *testing.T, addr string) {
	program, err := installed("h2load", "nghttp2-client")
	if err != nil && !required() {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	const requests = 400
	out, err := command(nil, program, "-n", fmt.Sprint(requests), "-c", "8", "-m", "10", "https://"+addr+"/hello/load")
	if want := regexp.MustCompile(fmt.Sprintf(`%d succeeded, 0 failed, 0 errored`, requests)); err != nil || !want.MatchString(out) || !strings.Contains(out, "Application protocol: h2") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nginx is a reverse proxy, which keeps connections.
func nginx(t *testing.T, addr string) {
	program, err := installed("nginx", "nginx")
	if err != nil && !required() {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	dir, front := t.TempDir(), ""
	if front, err = port(); err != nil {
		t.Fatal(err)
	}
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "\t%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `daemon off;
pid %s;
error_log stderr;
%sevents { }
http {
	access_log off;
	client_max_body_size 8m;
%s	upstream guest { server %s; keepalive 8; }
	server {
		listen 127.0.0.1:%s;
		location / {
			proxy_pass http://guest;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`, filepath.Join(dir, "pid"), user, temp.String(), addr, front), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := here.start("nginx", nil, program, "-p", dir, "-e", "stderr", "-c", conf)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if err := p.await(answers("tcp", "127.0.0.1:"+front)); err != nil {
		t.Fatal(err)
	}
	base := "http://127.0.0.1:" + front
	given.Together(t, 16, func(i int) error {
		for j := range 10 {
			want := fmt.Sprintf("hello %d-%d", i, j)
			r, err := http.Get(fmt.Sprintf("%s/hello/%d-%d", base, i, j))
			if err != nil {
				return err
			}
			got, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || string(got) != want || !strings.HasPrefix(r.Header.Get("Server"), "nginx") {
				return fmt.Errorf("%s %q, %v; want %q", r.Status, got, err, want)
			}
		}
		return nil
	})
	body := given.Bytes(3<<20, 19)
	r, err := http.Post(base+"/echo", "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d of %d bytes came back as they were sent, %v", len(got), len(body), err)
	}
}

//go:build linux || darwin

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestFaultsOfARun injects all faults that lose no connection into an ordinary server of net/http,
// and faults of names into an ordinary client.
func TestFaultsOfARun(t *testing.T) {
	run := func(args ...string) *exec.Cmd {
		return exec.Command(executable(t), append([]string{"run", "--cache", filepath.Join(scratch, "cache"), "--allow-all"}, args...)...)
	}
	server := run("--trace", "--fault", "seed=1,short=0.5,eagain=0.5", "--fault", "delay=1ms@0.2", program(t), "serve", "127.0.0.1:0")
	var trace strings.Builder
	server.Stderr = &trace
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for i := range 100 {
		path := fmt.Sprintf("/%d/%s", i, strings.Repeat("x", i))
		answer, err := client.Get("http://" + strings.TrimSpace(addr) + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(text) != "hello "+path+"\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	server.Process.Kill()
	server.Wait()
	for _, want := range []string{"short", "eagain", "1ms late"} {
		if !strings.Contains(trace.String(), "fault: "+want) {
			t.Errorf("there was no fault %q", want)
		}
	}

	get := run("--fault", "dns=1", program(t), "get", "http://localhost:1/")
	text, err := get.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "lookup localhost") {
		t.Errorf("%v, %s", err, text)
	}
}

// TestTheSeedIsTold repeats a run with the seed that the first run has printed.
func TestTheSeedIsTold(t *testing.T) {
	first := regexp.MustCompile(`^wasisock: faults by chance; have the same again with --fault (seed=\d+,reset=0\.5,delay=1ms@0\.25)\n$`)
	_, _, stderr := start(t, "run", "--fault", "reset=0.5,delay=1ms@0.25", "GUEST", "args")
	found := first.FindStringSubmatch(stderr)
	if found == nil {
		t.Fatalf("%q", stderr)
	}
	if code, _, stderr := start(t, "run", "--fault", found[1], "GUEST", "args"); code != 0 || stderr != "" {
		t.Errorf("%d, %q", code, stderr)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
)

// The paths of probes.
const (
	livePath  = "/livez"
	readyPath = "/readyz"
)

// probes adds the handlers of both probes to mux.
func probes(mux *http.ServeMux, m *supervisor.Monitor) {
	mux.HandleFunc("GET "+livePath, func(w http.ResponseWriter, r *http.Request) { probe(w, r, m.Live()) })
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, r *http.Request) { probe(w, r, m.Ready()) })
}

// A health is the answer of a probe in JSON.
type health struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// probe answers with status 200 if wrong is nil, and otherwise with status 503 and the error. The
// answer is text, or JSON for clients that accept it.
func probe(w http.ResponseWriter, r *http.Request, wrong error) {
	answer, text := health{OK: wrong == nil}, "ok\n"
	if wrong != nil {
		answer.Reason, text = wrong.Error(), wrong.Error()+"\n"
	}
	kind := "text/plain; charset=utf-8"
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		made, _ := json.Marshal(answer) // cannot fail: a bool and a string
		kind, text = "application/json", string(made)+"\n"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	if wrong != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	io.WriteString(w, text)
}

func healthCommand(s streams) *cli.Command {
	var live bool
	timeout := 5 * time.Second
	return &cli.Command{
		Name: "health", Args: "[--live] ADDRESS", Short: "ask a running wasisock whether its guest is ready",
		Long: "Asks the wasisock whose `--health`, `--metrics` or `--pprof` is ADDRESS whether its guests are ready, and prints the answer. " +
			"Images without a shell and without curl can use it as their health check.",
		Examples: "wasisock health 127.0.0.1:9091\nwasisock health --live 127.0.0.1:9091",
		Page:     "The exit code is 0 if the guests are ready, or with `--live` live, and otherwise 1.",
		Words:    true,
		Flags: []cli.Flag{
			{Name: "live", Short: "ask whether the guests are live, as /livez says", Set: cli.Switch(&live)},
			{Name: "timeout", Value: "DURATION", Default: "5s", Short: "wait no longer than this for the answer", Set: options.Time(&timeout, 1)},
		},
		Run: func(l cli.Line) int {
			if len(l.Args) != 1 {
				return failed(s.stderr, "health wants one address; write wasisock health 127.0.0.1:9091")
			}
			path := readyPath
			if live {
				path = livePath
			}
			text, ok, err := askHealth("http://"+l.Args[0]+path, timeout)
			if err != nil {
				failed(s.stderr, "no answer: %v; start wasisock run with --health %s", err, l.Args[0])
				return 1
			}
			fmt.Fprint(s.stdout, text)
			if !ok {
				return 1
			}
			return 0
		},
	}
}

// askHealth returns the text that the probe at url answers, at most 4096 bytes, and whether its
// status is 200. It returns an error for every status except 200 and 503.
func askHealth(url string, timeout time.Duration) (text string, ok bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", false, err
	}
	client := http.Client{Transport: new(http.Transport)} // without a proxy
	answer, err := client.Do(request)
	if err != nil {
		return "", false, err
	}
	defer answer.Body.Close()
	const most = 4096
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	switch {
	case err != nil:
		return "", false, err
	case answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable:
		return "", false, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return string(body), answer.StatusCode == http.StatusOK, nil
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wasisock/wasisock/cmd/internal/supervisor"
)

// endpoints holds the addresses of the flags --health, --metrics and --pprof; "" means none.
// Each address serves the probes too.
type endpoints struct{ health, metrics, pprof string }

// serve listens at the addresses, and logs the URLs. --metrics serves what metrics has. shutDown
// stops the servers, and gives open requests 100 ms. serve returns an error if it cannot listen.
func (e endpoints) serve(log *slog.Logger, monitor *supervisor.Monitor, metrics prometheus.Gatherer) (shutDown func(), err error) {
	var servers []*http.Server
	shutDown = func() {
		const grace = 100 * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		for _, s := range servers {
			if s.Shutdown(ctx) != nil {
				s.Close()
			}
		}
	}
	type place struct {
		mux *http.ServeMux
		at  net.Addr
	}
	places := map[string]place{} // keyed by the address as it was written
	at := func(flag, addr, path string) (*http.ServeMux, error) {
		p, ok := places[addr]
		if !ok {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w; write an address of this machine and a free port, such as 127.0.0.1:9090", flag, addr, err)
			}
			p = place{http.NewServeMux(), l.Addr()}
			places[addr] = p
			probes(p.mux, monitor)
			s := &http.Server{Handler: p.mux, ReadHeaderTimeout: 10 * time.Second}
			servers = append(servers, s)
			go s.Serve(l)
		}
		log.Info(fmt.Sprintf("%s is at http://%s%s", flag, p.at, path))
		return p.mux, nil
	}
	if e.health != "" {
		if _, err := at("--health", e.health, readyPath); err != nil {
			return nil, err
		}
	}
	if e.metrics != "" {
		mux, err := at("--metrics", e.metrics, "/metrics")
		if err != nil {
			shutDown()
			return nil, err
		}
		mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	}
	if e.pprof != "" {
		mux, err := at("--pprof", e.pprof, "/debug/pprof/")
		if err != nil {
			shutDown()
			return nil, err
		}
		profiles(mux)
	}
	return shutDown, nil
}

func profiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}

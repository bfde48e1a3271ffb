//go:build linux || darwin

package main

import (
	"runtime"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// What package commandtest tests on every engine.

func TestDrainDelay(t *testing.T) { commandtest.DrainDelay(t, executable(t)) }

func TestHealth(t *testing.T) { commandtest.Health(t, executable(t)) }

func TestLive(t *testing.T) { commandtest.Live(t, executable(t)) }

func TestListenWhenReady(t *testing.T) {
	if runtime.GOOS != "linux" {
		code, _, stderr := start(t, "run", "--listen", "127.0.0.1:"+porttest.Free(t), "--listen-when-ready", "GUEST")
		if code != 125 || !strings.Contains(stderr, "only Linux has --listen-when-ready") {
			t.Errorf("%d, %s", code, stderr)
		}
		return
	}
	commandtest.ListenWhenReady(t, executable(t))
}

func TestLogs(t *testing.T) { commandtest.Logs(t, executable(t)) }

func TestSystemd(t *testing.T) { commandtest.Systemd(t, executable(t)) }

func TestOTLP(t *testing.T) { commandtest.OTLP(t, executable(t)) }

func TestOTLPAway(t *testing.T) { commandtest.OTLPAway(t, executable(t)) }

func TestHealthWantsAnAddress(t *testing.T) {
	for _, args := range [][]string{{"health"}, {"health", "a", "b"}} {
		if code, _, stderr := start(t, args...); code != 125 || !strings.Contains(stderr, "health wants one address; write wasisock health 127.0.0.1:9091") {
			t.Errorf("%q: %d, %s", args, code, stderr)
		}
	}
}

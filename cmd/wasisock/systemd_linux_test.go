package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdUnits has systemd look at the units of deploy/systemd, and at the flags in them.
func TestSystemdUnits(t *testing.T) {
	dir, guest := t.TempDir(), guest(t)
	paths := strings.NewReplacer("/usr/local/bin/wasisock", executable(t), "/srv/app/server.wasm", guest)
	var files []string
	for _, name := range []string{"app.service", "app.socket"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		files = append(files, file)
		if err := os.WriteFile(file, []byte(paths.Replace(string(text))), 0o666); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=/usr/local/bin/wasisock run ")
			if !ok {
				continue
			}
			args := append([]string{"run", "--print-config"}, strings.Fields(command)...)
			if code, stdout, stderr := start(t, args...); code != 0 || !strings.Contains(stdout, "guest: /srv/app/server.wasm\n") {
				t.Errorf("%q: %d, %s", command, code, stderr)
			}
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze; install systemd")
	}
	if out, err := exec.Command(analyze, append([]string{"verify"}, files...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v, %s", err, out)
	}
	// Its exposure is at most 2.0 of 10.
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", files[0]).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v, %s", err, out)
	}
}

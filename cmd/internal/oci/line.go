// Package oci has OCI containers whose program is a WebAssembly module run by wasisock: it changes
// the configuration of the container before an OCI runtime such as runc reads it.
//
// Container engines start an OCI runtime with the command line of runc. The configuration follows
// github.com/opencontainers/runtime-spec, version 1.
package oci

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A Line holds the parts of an OCI runtime's command line that Bundles and logs need.
type Line struct {
	Command string // such as create; "" if there is none
	Bundle  string // the directory of --bundle, or "."
	Log     string // the file of --log, or ""
	JSON    bool   // --log-format json
}

// valued lists the flags of runc and crun before the command, and those of create and run, whose
// value may be the next argument.
var valued = []string{"log", "log-format", "log-level", "root", "criu", "rootless", "cgroup-manager", "bundle", "b", "console-socket", "pid-file", "preserve-fds", "config", "f"}

// ParseLine parses the command line of an OCI runtime, without the name of the program. It ignores
// flags and commands that it does not know.
func ParseLine(args []string) Line {
	l := Line{Bundle: "."}
	for i := 0; i < len(args); i++ {
		name, value, given := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-"):
			if l.Command != "" { // the container's name, which ends the flags
				return l
			}
			l.Command = args[i]
			continue
		case !given && slices.Contains(valued, name) && i+1 < len(args):
			i++
			value = args[i]
		}
		switch {
		case l.Command == "" && name == "log":
			l.Log = value
		case l.Command == "" && name == "log-format":
			l.JSON = value == "json"
		case l.Command != "" && (name == "bundle" || name == "b"):
			l.Bundle = value
		}
	}
	return l
}

// Starts reports whether the command makes a container from a bundle.
func (l Line) Starts() bool { return l.Command == "create" || l.Command == "run" }

// Report appends an error to the runtime's log, in the form in which runc writes it there:
// container engines show the last one.
func (l Line) Report(err error) error {
	if l.Log == "" {
		return nil
	}
	f, openErr := os.OpenFile(l.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if openErr != nil {
		return openErr
	}
	now := time.Now().Format(time.RFC3339)
	text := fmt.Sprintf("time=%q level=error msg=%q\n", now, err)
	if l.JSON {
		line, _ := json.Marshal(map[string]string{"level": "error", "msg": err.Error(), "time": now}) // cannot fail: texts
		text = string(line) + "\n"
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

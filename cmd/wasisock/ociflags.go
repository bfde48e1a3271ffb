package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
)

// annotated begins the names of annotations that are flags of wasisock run.
const annotated = "wasisock.dev/"

// An ociRight says who may set a flag of wasisock run in a container of wasisock oci.
type ociRight int

const (
	ociNobody ociRight = iota // wasisock oci sets it, or it makes no sense in a container
	ociNode                   // the node's file
	ociPod                    // the node's file, and annotations
)

// ociRights has the right of every flag of wasisock run. An annotation must not name a file of the
// node, reach out of the container, choose or confine what runs the guest, or give more than the
// node's file lets it: see ociChecks.
var ociRights = map[string]ociRight{
	"allow": ociPod, "deny": ociPod, "policy": ociNode, "allow-all": ociNode, "learn": ociNode, "dns": ociNode,

	"listen": ociPod, "publish": ociPod, "listen-when-ready": ociPod, "listen-fds": ociPod, "restart": ociPod, "instances": ociPod,
	"watch": ociNobody, "grace": ociPod, "drain-delay": ociPod, "pid-file": ociNobody,

	"dir": ociNobody, "env": ociNobody, "tls-roots": ociPod, "no-confine": ociNode,

	"max-memory": ociPod, "max-sockets": ociPod, "max-files": ociPod, "max-listeners": ociPod, "max-connections": ociPod,
	"read-rate": ociPod, "write-rate": ociPod, "lookup-rate": ociPod, "timeout": ociPod, "cpu-time": ociPod,

	"verbose": ociPod, "log-format": ociPod, "log-level": ociPod, "log-guest": ociPod,
	"trace": ociPod, "trace-file": ociNobody, "trace-filter": ociPod,
	"health": ociPod, "live-after": ociPod, "metrics": ociPod, "otlp-endpoint": ociNode, "pprof": ociNode,
	"cpu-profile": ociNobody, "fault": ociNode,

	"engine": ociNode, "aot": ociNobody, "interruptible": ociNode, "rewrite": ociNode,
	"compile-memory": ociNode, "compile-timeout": ociNode, "cache": ociNode, "cache-size": ociNode,

	"config": ociNobody, "print-config": ociNobody,
}

// An ociCheck returns an error for a value of an annotation that gives too much. most is the value
// in the node's file or the default, or "".
type ociCheck func(value, most string) error

// ociChecks has the flags that an annotation sets within bounds.
var ociChecks = map[string]ociCheck{
	"allow": func(v, _ string) error {
		if strings.TrimSpace(v) == "all" {
			return errors.New("a pod cannot allow everything; name what it needs, or set allow-all in the node's file")
		}
		return nil
	},
	"listen": func(v, _ string) error {
		if strings.HasPrefix(v, "unix:") || strings.HasPrefix(v, "fd:") {
			return fmt.Errorf("%q is not a TCP address; write one such as :8080", v)
		}
		return nil
	},
	"publish": func(v, _ string) error {
		if strings.HasPrefix(v, "fd:") {
			return fmt.Errorf("%q is not a TCP address; write one such as 80:8080", v)
		}
		return nil
	},
	"tls-roots": func(v, _ string) error {
		if v != "true" && v != "false" {
			return fmt.Errorf("%q names a file; write true for the certificates of the node", v)
		}
		return nil
	},
	"max-memory": atMost, "max-sockets": atMost, "max-files": atMost, "max-listeners": atMost, "max-connections": atMost,
	"read-rate": atMost, "write-rate": atMost, "lookup-rate": atMost, "timeout": atMost, "cpu-time": atMost,
}

// atMost is the check of a number, of a number of bytes, and of a duration.
func atMost(v, most string) error {
	if v == most || most == "" {
		return nil
	}
	n, err := quantity(v)
	limit, limitErr := quantity(most)
	if err != nil || limitErr != nil || n > limit {
		return fmt.Errorf("%s is not within %s, the limit of the node; lower it, or leave it out", v, most)
	}
	return nil
}

func quantity(v string) (uint64, error) {
	if d, err := time.ParseDuration(v); err == nil && d > 0 {
		return uint64(d), nil
	}
	return options.ParseSize(v)
}

// fromAnnotations returns the flags that annotations set. node has the values of the node's file,
// and narrow the names of the flags that it leaves to annotations; nil means all.
func fromAnnotations(flags []cli.Flag, annotations map[string]string, node cli.Given, narrow []string) (cli.Given, error) {
	given := cli.Given{}
	for key, text := range annotations {
		name, ok := strings.CutPrefix(key, annotated)
		if !ok {
			continue
		}
		values, err := fromAnnotation(flags, name, text, node, narrow)
		if err != nil {
			return nil, fmt.Errorf("annotation %s%s: %w", annotated, strings.Trim(strconv.Quote(name), `"`), err)
		}
		given[name] = values
	}
	return given, nil
}

// fromAnnotation returns the values of a flag that an annotation sets: of one that may be repeated,
// a value on each line.
func fromAnnotation(flags []cli.Flag, name, text string, node cli.Given, narrow []string) ([]string, error) {
	right, known := ociRights[name]
	switch {
	case !known:
		return nil, errors.New("wasisock run has no such flag; correct the name, or remove the annotation")
	case right == ociNode:
		return nil, errors.New("a pod cannot set this flag, and the node's file can; remove the annotation")
	case right == ociNobody:
		return nil, errors.New("this flag cannot be set for a container; remove the annotation")
	case narrow != nil && !slices.Contains(narrow, name):
		return nil, errors.New("the node's file does not let pods set this flag; remove the annotation, or add the flag to the list annotations there")
	}
	f := flags[slices.IndexFunc(flags, func(f cli.Flag) bool { return f.Name == name })]
	values := []string{text}
	if f.Many {
		values = nil
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				values = append(values, line)
			}
		}
	}
	most := f.Default
	if v := node[name]; len(v) > 0 {
		most = v[0]
	}
	for _, v := range values {
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, errors.New("the value has a control character; write it on one line")
		}
		if check := ociChecks[name]; check != nil {
			if err := check(v, most); err != nil {
				return nil, err
			}
		}
		if err := f.Set(v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

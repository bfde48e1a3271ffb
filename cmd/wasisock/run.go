package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/host"
)

var runHelp = strings.Replace(runHelpText, "RULES", indent(host.RuleGrammar, 24), 1)

// indent puts so many spaces before each line.
func indent(text string, n int) string {
	spaces := strings.Repeat(" ", n)
	return spaces + strings.ReplaceAll(text, "\n", "\n"+spaces)
}

const runHelpText = `usage: wasisock run [FLAGS] GUEST.wasm|PACKAGE|FILE.go... [ARGUMENTS]

Runs a guest: a file that wasisock build has made, or GOOS=wasip1 GOARCH=wasm go
build. A package or files of Go are built first, as wasisock build does, with flags
from GOFLAGS; PACKAGE@VERSION is one as go run has it. The guest has no network, no
files and no environment but what the flags give it. A use of the network that is
refused is told once, with the flag that would permit it; of very many of one kind or
target, some are, and the number of others.

  wasisock run hello.wasm
  wasisock run --allow 'listen tcp [::]:8080' ./cmd/server -v
  wasisock run --allow 'listen tcp 127.0.0.1:1234' server.wasm
  wasisock run --allow 'dial tcp *.example.com:443' client.wasm
  wasisock run --allow 'dial tcp *:443' example.com/cmd/tool@latest -v
  wasisock run --dir ./site:/srv:ro --env MODE=test --trace server.wasm -addr 127.0.0.1:80

  --allow RULE        permit what RULE says; repeat for more. Rules are
RULES
                      ADDRESS is 127.0.0.1, 10.0.0.0/8, [::1], [fd00::/8] or *,
                      PORT is 80, 8000-8999 or *, PATH is an absolute path of
                      the host, /folder/* or *, and NAME is a name or
                      *.example.com. Link-local addresses and those of clouds'
                      metadata must be named: * and wide prefixes do not permit
                      to dial them
  --deny RULE         refuse what RULE says, whatever else permits it
  --policy FILE       rules from a file in YAML: lists under allow and deny
  --allow-all         permit every use of the network that is not denied
  --learn             the same, and tell at the end which rules this run needed
  --listen ADDRESS    open 127.0.0.1:80, :80 of all addresses, or unix:PATH before the guest
                      starts, and give it to the guest that listens there; needs
                      no --allow, and may be repeated. fd:3 is one that whoever
                      started wasisock has opened, such as systemd. tcp: may stand
                      before an address and port
  --publish 80:8080   open port 80 of all addresses, or of one as in 127.0.0.1:80:8080,
                      in the same way for the guest that listens at port 8080 of
                      whatever address; fd:3:8080 is a descriptor as above
  --listen-fds        give the guest what --listen and --publish open as descriptors 3 and
                      up, as systemd does, with LISTEN_FDS and LISTEN_PID: for a guest
                      that listens at none of its own
  --restart WHEN      start the guest again when it has ended: no, on-failure, which
                      is with an exit code other than 0, or always; after 100 ms,
                      and after twice as long each time, at most 30 s
  --instances N       run N guests that share what --listen and --publish open
  --watch             load GUEST.wasm again when it has changed, as after SIGHUP: the
                      new guest listens where --listen says, and when it has done so
                      for a second, the old one ends. One that fails is not used
  --grace TIME        how long a guest that listens may take, after SIGINT or SIGTERM
                      or when it is replaced, until its connections are closed: 10s
                      by default. It gets no new ones
  --pid-file FILE     write the number of this process to FILE, for kill -HUP, and
                      remove it at the end
  --dir HOST:GUEST    give the folder HOST to the guest as GUEST, an absolute
                      path; with :ro at the end it cannot be changed. UNIX
                      sockets whose path is in it are there too
  --dns WHO           who answers a guest that looks up names: host, the default,
                      which is this machine as it is set up; the address of a
                      nameserver; or passthrough, which leaves the guest its own
                      /etc/resolv.conf, and what that names must be permitted
  --no-confine        do not confine wasisock itself. Otherwise, on Linux, it gives up for good
                      all files and TCP ports that no flag names
  --env KEY=VALUE     set an environment variable; KEY alone copies wasisock's
  --tls-roots[=FILE]  give the guest the certificates in FILE, or without it those
                      that this system trusts, in SSL_CERT_FILE, and no other file
  --max-memory SIZE   memory that the guest can have: bytes, or with K, M or G
  --max-sockets N     sockets that the guest can have open; 32768 by default
  --max-files N       files that the guest can have open; 32768 by default
  --max-listeners N   sockets that listen, and of each of them the
  --max-connections N connections that it accepted and are open
  --read-rate SIZE    bytes per second through sockets, as sizes of memory are
  --write-rate SIZE   written; a guest that is faster is delayed
  --lookup-rate N     names per second that are looked up
  --timeout TIME      end the guest after that time, such as 90s, or after that
  --cpu-time TIME     much work, with exit code 124; the whole of wasisock, if the
                      guest computes and is not --interruptible
  --engine NAME       what compiles and runs the guest: wazero; wasmtime or wasmedge, which
                      are faster and have to be built in; or auto, wasmtime if it is built
                      in and has every flag given, else wazero (default auto)
  -v                  say which engine that is, and why
  --aot WHEN          when wasmedge compiles: auto, the default, while the guest is
                      interpreted, which with --listen then makes room for one that
                      is compiled; wait, before it starts; off, never
  --interruptible     let a guest that computes without end be stopped with care:
                      costs about 3 times the CPU, with wasmedge 10 times, which
                      needs it for untrusted code alone. wasmtime stops every guest
                      without it; signals do not need it
  --rewrite=off       compile the guest as Go's compiler made it. Otherwise its functions get
                      bodies that run faster, as by wasisock build, unless they have them
  --cache DIR         directory for compiled code, or - for none (default: wasisock in
                      the user's cache directory). Nobody else may be able to write
                      to it
  --compile-memory SIZE
                      bytes that the process may take that reads and compiles the guest
                      (default 1G and 64 times the guest's size; with wasmtime 1G and 128
                      times, with wasmedge 2G and 512 times)
  --compile-timeout TIME
                      how long it may take (default 1m and 10s for each MB; with
                      wasmtime 1m and 20s, with wasmedge 5m and 2m)
  --cache-size SIZE   bytes of compiled code to keep; what was not used for longest is
                      deleted (default 1G)
  --trace[=FORMAT]    tell each use of a socket and each wait: as text or json, a
                      line each, or as chrome, for ui.perfetto.dev and
                      chrome://tracing
  --trace-file FILE   write that to FILE and not to stderr, where lines are dropped if
                      it does not take them in time: for a file the guest waits
  --trace-filter SPEC tell only what SPEC chooses: names such as sock_* and numbers
                      of descriptors, with commas between, and with ! before what
                      to leave out: 'sock_*,!sock_recv'
  --metrics ADDRESS   serve metrics for Prometheus at http://ADDRESS/metrics: of the
                      guest's calls, connections, bytes, memory and CPU time, and of
                      wasisock itself
  --pprof ADDRESS     serve profiles of wasisock, of which the guest is a part without
                      names, at http://ADDRESS/debug/pprof/; ADDRESS can be the same
  --cpu-profile FILE  write where the guest computes to FILE at the end, for go tool
                      pprof and wasisock build -pgo=FILE. The guest takes about twice
                      the time then, on wazero
  --fault FAULTS      let the guest meet faults of the network, such as
                        seed=1,short=0.1,eagain=0.1,reset=0.01,delay=5ms@0.1,dns=0.1
                      with the probability of each. short is short-read and
                      short-write. The same seed gives the same faults to the same
                      calls; without one it is chosen and told

A guest that handles SIGINT, SIGTERM or SIGQUIT gets it, and has --grace to end by itself;
SIGUSR1, SIGUSR2 and SIGHUP are passed on alike, and end nothing. Otherwise SIGINT and
SIGTERM end a guest that listens as --grace says, others and after a second signal at
once. With --listen, SIGHUP loads the guest again, or builds it again; once the
terminal that wasisock was started at is gone, it ends the guest too.

Exit code: the guest's (255 for those above); 124 if its time was over; 125 if
wasisock or a build failed, 126 if the file is no guest, 127 if there is none, 134 if
the guest trapped. After SIGINT or SIGTERM it is that of a guest that handles it, 0 if
another ended by itself, and else 128 and the number of the signal.
`

func runGuest(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	messages := report.NewOutput(stderr, "wasisock") // but for those of the go command
	defer messages.Close()
	var o runOptions
	err := o.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, runHelp)
		return 0
	}
	if err != nil {
		return failed(messages, "%v; see wasisock run --help", err)
	}
	if err := o.validate(); err != nil {
		return failed(messages, "%v", err)
	}
	r := running{runOptions: o, stdin: stdin, stdout: stdout, stderr: stderr, messages: messages}
	defer r.close()
	if err := r.open(); err != nil {
		var failure *buildError
		if errors.As(err, &failure) { // which the go command has reported
			return failure.code
		}
		return failed(messages, "%v", err)
	}
	return r.command.Run()
}

// sources is how many of args are to be built: the files of Go at the beginning, or a
// package. What is there and no folder is a guest, and so is what has a guest's name.
func sources(args []string) int {
	n := 0
	for n < len(args) && strings.HasSuffix(args[n], ".go") {
		n++
	}
	if n > 0 || strings.HasSuffix(args[0], ".wasm") {
		return n
	}
	if info, err := os.Stat(args[0]); err == nil && !info.IsDir() || errors.Is(err, fs.ErrPermission) {
		return 0
	}
	return 1
}

// programName is what a program built from a package or a file is called, for messages.
func programName(arg string) string {
	arg, _, _ = strings.Cut(arg, "@") // PACKAGE@VERSION
	if path, err := filepath.Abs(arg); err == nil {
		arg = path
	}
	return strings.TrimSuffix(filepath.Base(arg), ".go")
}

// tlsRoots is the flag --tls-roots, which may have a value.
type tlsRoots struct {
	set  bool
	file string // "" is the system's
}

func (r *tlsRoots) IsBoolFlag() bool { return true }
func (r *tlsRoots) String() string   { return "" }

func (r *tlsRoots) Set(v string) error {
	r.set, r.file = true, v
	if v == "true" { // what package flag makes of no value
		r.file = ""
	}
	return nil
}

func (r *tlsRoots) give(guest *host.Cmd) (remove func(), err error) {
	for _, v := range guest.Env {
		if strings.HasPrefix(v, "SSL_CERT_FILE=") {
			return nil, errors.New("it sets SSL_CERT_FILE, and so does --env; leave out one of them")
		}
	}
	file := r.file
	if file == "" {
		if file, err = options.Bundle(); err != nil {
			return nil, err
		}
	}
	dir, env, remove, err := options.Roots(file)
	if err != nil {
		return nil, err
	}
	guest.Dirs, guest.Env = append(guest.Dirs, dir), append(guest.Env, env)
	return remove, nil
}

// prefixed names the command at the beginning of each line, which is one Write.
type prefixed struct{ w io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(p.w, "wasisock: %s", line)
	return len(line), err
}

package main

import (
	"log/slog"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
)

// runCommand returns the command run. Its flags set o.
func runCommand(o *runOptions, s streams) *cli.Command {
	return &cli.Command{
		Name: "run", Args: "[FLAGS] GUEST.wasm|PACKAGE|FILE.go... [ARGUMENTS]",
		Short: "run a guest, or build a Go program and run it as a guest",
		Long: "Runs a guest: a file that `wasisock build` or `GOOS=wasip1 GOARCH=wasm go build` has made. " +
			"wasisock builds a package or Go files first, as `wasisock build` does, with flags from GOFLAGS. PACKAGE@VERSION is a package as `go run` has it.\n\n" +
			"The guest has no network, no files and no environment variables except those that flags give it. " +
			"wasisock prints each refused use of the network once, with the flag that would allow it. Of very many refusals of one kind or target, it prints some, and how many others there were.",
		Examples: "wasisock run --allow 'listen tcp 127.0.0.1:1234' server.wasm\n" +
			"wasisock run --listen :8080 --dir ./site:/srv:ro --env MODE=test ./cmd/server -v",
		Page: "More examples:\n\n" +
			"    wasisock run hello.wasm\n" +
			"    wasisock run --allow 'listen tcp [::]:8080' ./cmd/server -v\n" +
			"    wasisock run --allow 'dial tcp *.example.com:443' client.wasm\n" +
			"    wasisock run --allow 'dial tcp *:443' example.com/cmd/tool@latest -v\n" +
			"    wasisock run --trace server.wasm -addr 127.0.0.1:80\n\n" +
			"The flags end at the guest: what follows its name are its arguments. `-flag` means `--flag`.\n\n" +
			"A guest that handles SIGINT, SIGTERM or SIGQUIT gets the signal, and has `--grace` to end by itself. SIGUSR1, SIGUSR2 and SIGHUP are passed on too, and stop nothing. " +
			"Otherwise, after SIGINT or SIGTERM, a guest that listens shuts down within `--grace`; others stop at once, and so does every guest after a second signal. " +
			"With `--listen` or `--publish`, SIGHUP loads the guest again, or builds it again, and reads the `--config` file again. SIGHUP from a terminal that was closed stops the guest.\n\n" +
			"The exit code is the guest's, with 255 for greater ones; `wasisock help exit-codes` lists the others. " +
			"After SIGINT or SIGTERM it is that of a guest that handles the signal, 0 if another guest ended by itself, and otherwise 128 and the number of the signal.\n\n" +
			"`wasisock run` does not work on Windows. On Linux it confines itself; see `--no-confine`.\n\n" +
			"docs/operate.md is about running servers, and docs/security.md about what the sandbox promises.",
		Flags: o.flags(), Complete: []string{"wasm", "go"},
		Run: func(l cli.Line) int {
			o.args, o.given, o.raw = l.Args, l.Given, l.Raw
			return runGuest(o, s.stdin, s.stdout, s.stderr)
		},
	}
}

// The levels of messages.
var (
	levelWords = []string{"info", "warn", "error"}
	levels     = []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError}
)

// flags returns the flags of wasisock run, which set o.
func (o *runOptions) flags() []cli.Flag {
	guest := &o.command.Guest
	flags := []cli.Flag{
		{Group: "Network", Name: "allow", Value: "RULE", Many: true, Live: true, Set: ruleFlag(&o.allow, ""),
			Short: "allow what RULE says; see wasisock help rules"},
		{Group: "Network", Name: "deny", Value: "RULE", Many: true, Live: true, Set: ruleFlag(&o.deny, "deny "),
			Short: "deny what RULE says, whatever else allows it"},
		{Group: "Network", Name: "policy", Value: "FILE", Many: true, Live: true, Set: o.readPolicy,
			Short: "add rules from a YAML file with lists under allow and deny"},
		{Group: "Network", Name: "allow-all", Live: true, Set: cli.Switch(&o.allowAll),
			Short: "allow every use of the network that is not denied"},
		{Group: "Network", Name: "learn", Set: cli.Switch(&o.command.Learn),
			Short: "allow all, and print at the end the rules that the run needed",
			Long:  "Rules of `--deny` and `--policy` still hold."},
		{Group: "Network", Name: "dns", Value: "WHO", Default: "host", Set: options.DNS(guest, &o.confined.dns),
			Short: "resolve names by host, passthrough or a nameserver",
			Long: "`host` is this machine as it is set up. An address is that of a nameserver, such as `9.9.9.9`, `127.0.0.1:5353` or `[::1]:53`. " +
				"`passthrough` leaves the guest its own /etc/resolv.conf, and rules must allow it to reach the nameservers there."},

		{Group: "Serving", Name: "listen", Value: "ADDRESS", Many: true, Set: o.listeners.Set,
			Short: "open :80, 127.0.0.1:80, unix:PATH or fd:N for the guest",
			Long: "wasisock opens the address before the guest starts, and gives it to the guest when that listens at the same address. The guest needs no `--allow` for it. " +
				"`:80` is port 80 of all addresses. `fd:3` is a listening socket that whoever started wasisock has opened, such as systemd. `tcp:` may stand before an address and port."},
		{Group: "Serving", Name: "publish", Value: "PORT:GUESTPORT", Many: true, Set: o.listeners.publish,
			Short: "open PORT for a guest that listens at GUESTPORT",
			Long: "`80:8080` opens port 80 of all addresses, and `127.0.0.1:80:8080` that of one, for a guest that listens at port 8080 of any address. " +
				"`fd:3:8080` is a descriptor, as for `--listen`."},
		{Group: "Serving", Name: "listen-when-ready", Rare: true, Set: cli.Switch(&o.listenWhenReady),
			Short: "answer at --listen and --publish only when every instance listens",
			Long: "Otherwise connections are made from the start, and wait for the guest: a probe that only connects succeeds too early. " +
				"With this flag, packets are dropped until then, and clients try again. Prefer `--health` where the probe can use HTTP. It is for TCP on Linux, and not for `fd:N`."},
		{Group: "Serving", Name: "listen-fds", Set: cli.Switch(&guest.ListenFDs),
			Short: "pass what --listen and --publish open as descriptors 3 and up",
			Long:  "As systemd does, with LISTEN_FDS and LISTEN_PID, for a guest that does not listen itself."},
		{Group: "Serving", Name: "restart", Value: "WHEN", Words: options.Restarts, Default: "no", Live: true, Set: options.Restart(&o.command.Restart),
			Short: "start an ended guest again: no, on-failure or always",
			Long:  "`on-failure` is an exit code other than 0. The next guest starts after 100 ms, and after twice as long each time, at most 30 s."},
		{Group: "Serving", Name: "instances", Value: "N", Default: "1", Set: options.Count(&o.command.Instances),
			Short: "run N guests that share what --listen and --publish open"},
		{Group: "Serving", Name: "watch", Set: cli.Switch(&o.command.Watch),
			Short: "load GUEST.wasm again when it changes, as after SIGHUP",
			Long:  "The new guest listens where `--listen` says, and when it has done so for a second, the old one ends. A new guest that fails is not used."},
		{Group: "Serving", Name: "grace", Value: "DURATION", Default: "10s", Live: true, Set: options.Time(&o.command.Grace, 0),
			Short: "stop a guest that takes longer than this to shut down",
			Long:  "A guest that listens gets no new connections after SIGINT or SIGTERM, or when another guest replaces it. `--grace` is how long it may take until its connections are closed."},
		{Group: "Serving", Name: "drain-delay", Value: "DURATION", Default: "0s", Live: true, Set: options.Time(&o.command.DrainDelay, 0),
			Short: "serve this long after SIGTERM before --grace begins",
			Long: "For load balancers that go on sending connections until they have learned that this server is to end. " +
				"After SIGTERM or SIGINT all goes on as before, except that `/readyz` of `--health` reports 503. Then the guest is signalled, and `--grace` begins. A second signal stops all guests at once."},
		{Group: "Serving", Name: "pid-file", Value: "FILE", Set: cli.Text(&o.pidFile),
			Short: "write the number of this process to FILE, and remove it at the end",
			Long:  "For `kill -HUP`."},

		{Group: "Files and environment", Name: "dir", Value: "HOST:GUEST[:ro]", Many: true, Set: o.addDir,
			Short: "give the guest the directory HOST as GUEST, an absolute path",
			Long:  "The guest cannot change a directory with `:ro` at the end. UNIX sockets whose path is in the directory are there too."},
		{Group: "Files and environment", Name: "env", Value: "KEY[=VALUE]", Many: true, Live: true, Set: o.addEnv,
			Short: "set an environment variable; KEY alone copies wasisock's"},
		{Group: "Files and environment", Name: "tls-roots", Value: "FILE", Alone: "true", Set: o.roots.Set,
			Short: "give the guest the certificates in FILE, or those of the system",
			Long:  "Sets SSL_CERT_FILE, and gives the guest no other file."},
		{Group: "Files and environment", Name: "no-confine", Set: cli.Switch(&o.confined.off),
			Short: "do not confine wasisock itself to what the flags name",
			Long:  "Otherwise, on Linux, wasisock gives up for good all files and TCP ports that no flag names. docs/security.md says what that covers."},
	}
	flags = append(flags, options.Limits(&guest.Limits)...)
	flags = append(flags, []cli.Flag{
		{Group: "Observing", Name: "verbose", Letter: "v", Set: cli.Switch(&o.verbose), Short: "print which engine runs the guest, and why"},
		{Group: "Observing", Name: "log-format", Value: "FORMAT", Words: report.Formats, Default: "plain",
			Set:   options.Choice(report.Formats, func(i int) { o.logs.format = report.Formats[i] }),
			Short: "print wasisock's messages as plain, text or json",
			Long: "`plain` is lines that begin with `wasisock: `. `text` is `key=value` and `json` an object, a line each, with `time` (RFC 3339), `level` (INFO, WARN or ERROR), `msg`, `guest` (the name of its file) and, " +
				"where the message is about one, `instance` (from 1). Errors in flags are always plain, and `--trace` has formats of its own. What the guest prints stays as it is."},
		{Group: "Observing", Name: "log-level", Value: "LEVEL", Words: levelWords, Default: "info", Rare: true,
			Set:   options.Choice(levelWords, func(i int) { o.logs.level = levels[i] }),
			Short: "print no messages below info, warn or error"},
		{Group: "Observing", Name: "log-guest", Rare: true, Set: cli.Switch(&o.logs.guest),
			Short: "print what the guest prints as messages too",
			Long: "Each line becomes a message on wasisock's standard error with the field `stream`, which is `stdout` or `stderr`. The guest does not wait for it: lines that nobody takes in time are dropped and counted. " +
				"Lines of more than 16384 bytes become several messages. Needs `--log-format` text or json."},
		{Group: "Observing", Name: "trace", Value: "FORMAT", Alone: "text", Words: traceWords, Set: o.traced.setForm,
			Short: "print each use of a socket and each wait: text, json or chrome",
			Long:  "`text` and `json` print a line each. `chrome` is for ui.perfetto.dev and chrome://tracing, and needs `--trace-file`. `true` is `text`, and `false` prints nothing."},
		{Group: "Observing", Name: "trace-file", Value: "FILE", Set: o.traced.setFile,
			Short: "write the trace to FILE, and not to stderr",
			Long:  "stderr loses lines if nobody reads them in time. For a file, the guest waits."},
		{Group: "Observing", Name: "trace-filter", Rare: true, Value: "SPEC", Set: o.traced.setFilter,
			Short: "trace only these calls and descriptors, as in 'sock_*,!sock_recv'",
			Long:  "SPEC is names, in which `*` is any text, and numbers of descriptors, with commas between them. `!` before one leaves it out."},
		{Group: "Observing", Name: "health", Value: "ADDRESS", Set: cli.Text(&o.endpoints.health),
			Short: "serve probes at http://ADDRESS/readyz and /livez",
			Long: "`/readyz` answers 200 when every instance listens at a TCP or UNIX address and wasisock is not shutting down, and otherwise 503. " +
				"`/livez` answers 503 when a guest is stuck; see `--live-after`. The answer is `ok` or the reason in one line of text, or, for a request that accepts `application/json`, `{\"ok\": false, \"reason\": \"…\"}`. " +
				"ADDRESS can be that of `--metrics` or `--pprof`, which have the probes too."},
		{Group: "Observing", Name: "live-after", Value: "DURATION", Default: "10s", Rare: true, Set: options.Time(&o.monitor.LiveAfter, 1),
			Short: "report a guest as stuck that makes no call for this time",
			Long: "It is about guests that have accepted connections which are open: one that computes, or is in a call that does not return, for so long is not live. A guest that waits in poll_oneoff is live. " +
				"A guest that only receives and sends, without ever waiting, is live too; reading the clock does not count as a call here."},
		{Group: "Observing", Name: "metrics", Value: "ADDRESS", Set: cli.Text(&o.endpoints.metrics),
			Short: "serve metrics for Prometheus at http://ADDRESS/metrics",
			Long:  "They are about the guest's calls, connections, bytes, memory and CPU time, and about wasisock itself."},
		{Group: "Observing", Name: "otlp-endpoint", Value: "URL", Set: o.setOTLP,
			Short: "send spans and metrics to an OpenTelemetry collector at URL",
			Long: "By OTLP over HTTP, as in `http://127.0.0.1:4318`; the paths `/v1/traces` and `/v1/metrics` follow. A span is a connection that the guest accepted, until it is closed, a dial or a look-up. The metrics are those of `--metrics`, which is not necessary. " +
				"OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT and _COMPRESSION, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER apply. Guests do not wait for the collector: what it does not take in time is lost and counted."},
		{Group: "Observing", Name: "pprof", Value: "ADDRESS", Set: cli.Text(&o.endpoints.pprof),
			Short: "serve profiles of wasisock at http://ADDRESS/debug/pprof/",
			Long:  "The guest is a part of them without names. ADDRESS can be that of `--metrics`."},
		{Group: "Observing", Name: "cpu-profile", Value: "FILE", Set: cli.Text(&o.profile),
			Short: "write where the guest computes to FILE at the end",
			Long:  "For `go tool pprof` and `wasisock build -pgo=FILE`. The guest runs on wazero, and takes about twice the time."},
		{Group: "Observing", Name: "fault", Value: "FAULTS", Many: true, Set: o.faults.Set,
			Short: "inject faults of the network, as in seed=1,reset=0.01,delay=5ms@0.1",
			Long: "For example `seed=1,short=0.1,eagain=0.1,reset=0.01,delay=5ms@0.1,dns=0.1`, with the probability of each. `short` is `short-read` and `short-write`. " +
				"The same seed injects the same faults into the same calls. Without a seed, wasisock chooses one and prints it."},
	}...)
	flags = append(flags, options.Engine(&o.command.Engine)...)
	return append(flags, []cli.Flag{
		{Group: "Configuration", Name: "config", Value: "FILE", LineOnly: true, Set: cli.Text(&o.config),
			Short: "read flags from FILE; see wasisock help config",
			Long:  "Flags of the command line win over the file. SIGHUP reads it again, where it loads the guest again."},
		{Group: "Configuration", Name: "print-config", LineOnly: true, Set: cli.Switch(&o.printConfig),
			Short: "print the configuration that would be used, and run nothing",
			Long:  "The output is a file for `--config`, with the flags of the command line in it."},
	}...)
}

// positional returns the keys of a configuration file that are not flags: the guest and its
// arguments. Their values are added to args, the guest in front.
func positional(args *[]string) []cli.Flag {
	add := func(v string) error { *args = append(*args, v); return nil }
	return []cli.Flag{
		{Name: "guest", Value: "GUEST", Short: "run this guest: a file, a package or a Go file", Set: func(v string) error {
			*args = append([]string{v}, *args...)
			return nil
		}},
		{Name: "args", Value: "ARGUMENT", Many: true, Live: true, Short: "pass these arguments to the guest", Set: add},
	}
}

// configKeys returns the keys of configuration files. The guest and its arguments are added to
// args, and the other values set o.
func (o *runOptions) configKeys(args *[]string) []cli.Flag {
	return append(cli.InFile(o.flags()), positional(args)...)
}

package main

import (
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/host"
)

// configExample is a configuration file.
const configExample = `guest: server.wasm
args: [-addr, ':8080']
listen: [':8080']
restart: on-failure
grace: 30s
allow:
- dial tcp *.example.com:443
env: [MODE=production]
max-memory: 512M
`

// configSchema returns the JSON schema of configuration files.
func configSchema() string {
	return cli.Schema("wasisock run --config", newRunOptions().configKeys(new([]string)))
}

// live returns the names of the flags that can change when a configuration is read again.
func live() string {
	var names []string
	for _, f := range newRunOptions().configKeys(new([]string)) {
		if f.Live {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// topics returns the pages of wasisock help that describe no command.
func topics() []cli.Topic {
	return []cli.Topic{
		{Name: "rules", Short: "rules that allow and deny uses of the network", Text: "" +
			"A guest may use the network as the rules of `--allow`, `--deny` and `--policy` say. What at least one rule allows and no rule denies is allowed, in whatever order the rules are. A rule has one of these forms:\n\n" +
			"    " + strings.ReplaceAll(host.RuleGrammar, "\n", "\n    ") + "\n\n" +
			"ADDRESS is `127.0.0.1`, `10.0.0.0/8`, `[::1]`, `[fd00::/8]` or `*` for all. PORT is `80`, `8000-8999` or `*` for all. NAME is a name or `*.example.com`. PATH is an absolute path of the host, `/directory/*` or `*`.\n\n" +
			"A rule with a NAME allows the guest to look the name up, and to use the addresses that the host finds. " +
			"Link-local addresses and those at which clouds give machines their credentials must be named: `*` and wide prefixes do not allow to dial them.\n\n" +
			"A policy file is YAML with lists:\n\n" +
			"    allow:\n    - listen tcp [::]:8080\n    - dial tcp *.example.com:443\n    deny:\n    - dial tcp *:25",
		},
		{Name: "config", Short: "configuration files", Text: "" +
			"`wasisock run --config FILE` reads flags from a file in YAML or JSON. Its keys are the names of flags, and also `guest` and `args`. Flags that may be repeated have lists, and switches `true` or `false`:\n\n" +
			"    " + strings.ReplaceAll(strings.TrimSpace(configExample), "\n", "\n    ") + "\n\n" +
			"wasisock refuses unknown keys and values of a wrong type, with the line of the file. Paths are relative to the current directory, as in flags. wasisock reads no file that `--config` does not name.\n\n" +
			"The command line wins: its flags replace the values of the file, a guest replaces `guest` and `args`, and flags that may be repeated are added to the lists of the file. " +
			"`wasisock run --print-config` prints the result.\n\n" +
			"After SIGHUP, with `listen` or `publish`, wasisock reads the file again, and those of `policy`, before it loads the guest again. " +
			"It prints which changes the new guest has, and which need another start of wasisock. A file with a mistake changes nothing. These keys can change: " + live() + ". " +
			"Rules cannot, with `learn` or, on Linux, if they reach ports or directories for sockets that wasisock has given up when it confined itself.\n\n" +
			"docs/cli/wasisock.schema.json is a JSON schema, for editors.",
		},
		{Name: "exit-codes", Short: "what exit codes mean", Text: "" +
			"`wasisock run` and `wasisock exec` exit with the code of the guest, or with one of these:",
			Table: [][2]string{
				{"0", "the guest ended with 0; after SIGINT or SIGTERM, every guest ended by itself"},
				{"124", "the guest had used up its `--timeout` or `--cpu-time`"},
				{"125", "wasisock failed, the command line is invalid, or a build failed"},
				{"126", "the file is not a guest that can run, or cannot be read"},
				{"127", "the file does not exist"},
				{"130", "SIGINT stopped the guest"},
				{"134", "the guest trapped"},
				{"143", "SIGTERM stopped the guest; in general, 128 and the number of the signal"},
				{"255", "the guest ended with 255 or a greater code"},
			},
		},
		{Name: "environment", Short: "environment variables that wasisock reads", Text: "These variables change what commands do:",
			Table: [][2]string{
				{"WASISOCK_ALLOW", "more rules for `wasisock test`, `wasisock exec` and go_wasip1_wasm_exec, separated by commas or newlines"},
				{"WASISOCK_WASMEDGE_014", "the wasmedge program of version 0.14 with which `wasisock build --aot 0.14` compiles"},
				{"WASISOCK_WASMEDGE_017", "the same for version 0.17"},
				{"WASISOCK_WASMEDGE_PREFIX", "the directory in which scripts/get-wasmedge.sh unpacks WasmEdge, and wasisock looks for it (default wasisock/wasmedge in the user's cache directory)"},
				{"WASISOCK_GATHER", "in the environment of a guest (`--env WASISOCK_GATHER=1`): send small writes together; see docs/stdnet.md"},
				{"DNS_SERVER", "in the environment of a guest: the nameserver that it asks where the host resolves no names"},
				{"GOFLAGS", "flags for the go command that `wasisock build`, `wasisock test` and `wasisock run PACKAGE` run"},
				{"SSL_CERT_FILE", "the certificates that `--tls-roots` gives a guest"},
				{"XDG_CACHE_HOME, HOME", "where the user's cache directory is"},
				{"TMPDIR", "where temporary files are made"},
				{"NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID", "set by systemd for services of `Type=notify`: where `wasisock run` reports that it is ready, stops and is live"},
				{"NO_COLOR", "if set and not empty, nothing is printed in colours; terminals alone get colours"},
				{"TERM", "if it is `dumb` or not set, nothing is printed in colours"},
			},
		},
	}
}

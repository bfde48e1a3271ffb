#!/usr/bin/env bash
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: bench/run.sh [--net-http] [--smoke] [BENCH OPTION]...

Measures guest/server side by side with a native server that does the same work,
and leaves results.md and results.tsv in build/bench. About ten minutes on two
cores, which should have nothing else to do. The first run also fetches WasmEdge
and compiles the server for it, some minutes more.

  --net-http    measures an ordinary server on net/http instead, bench/nethttp,
                beside itself compiled natively
  --smoke       a few seconds of everything, to see that it runs: WasmEdge only
                where the environment names it, and then it interprets. The
                figures mean nothing.
  BENCH OPTION  goes to the program, for example
                    -server 'mine=./mine --port {port}'   one more row
                    -idle 0,100 -conns 1,16 -rounds 5 -window 8s
                -help shows all of them.

environment:
  WASISOCK_WASMEDGE_014, WASISOCK_WASMEDGE_017
                            paths of wasmedge programs (those that
                            scripts/get-wasmedge.sh finds or fetches)
  WASISOCK_ENGINES=required with --smoke: it is an error if one is not set
USAGE
}

die() {
	printf 'bench: %s\n' "$*" >&2
	exit 1
}

# quoted STRING: as one word for /bin/sh.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# server FILE: the rest of a command that serves FILE.
server() { printf '%s -addr 127.0.0.1:{port} %s' "$(quoted "$out/$1")" "$flags"; }

# row NAME COMMAND…
row() { rows+=(-server "$1=$2"); }

# wasmedge_rows MINOR PROGRAM RUN_MODE: WasmEdge on compiled code.
wasmedge_rows() {
	local name
	name="WasmEdge $(version_of "$2") AOT"
	row "$name" "$(quoted "$2") $3 $(server "$program.aot-$1.wasm")"
	rows+=(-interpreter "$name=$(quoted "$2") $(server "$program.wasm")")
}

version_of() { "$1" --version | sed -n '1s/.*version //p'; }

# wasmedge MINOR: the one that the environment names, or else what is fetched.
wasmedge() {
	local variable=WASISOCK_WASMEDGE_${1/./}
	if [ -n "${!variable:-}" ]; then printf '%s' "${!variable}"; else scripts/get-wasmedge.sh "$1" | tail -n1; fi
}

# build_guest [--aot MINOR]...
build_guest() {
	if [ "$program" = server ]; then
		scripts/build-wasm.sh -o "$out" "$@" server
	else
		"$out/wasisock" build -C bench -trimpath -ldflags='-s -w' "$@" -o "$out/nethttp.wasm" ./nethttp
	fi
}

main() {
	local smoke='' minor variable
	while :; do
		case ${1:-} in
		-h | --help)
			usage
			return
			;;
		--smoke) smoke=yes ;;
		--net-http) program=nethttp ;;
		*) break ;;
		esac
		shift
	done
	[ "$(uname -s)" = Linux ] || die "this measures with /proc and epoll, so on Linux only"
	type -P go >/dev/null || die "no go in PATH; install Go 1.25 or newer"
	type -P cc >/dev/null || die "no cc in PATH; install a C compiler"
	type -P wrk >/dev/null || die "no wrk in PATH; install wrk (Debian: apt-get install wrk)"
	cd "$(dirname "${BASH_SOURCE[0]}")/.."
	out=$PWD/build/bench
	mkdir -p "$out"

	(cd bench && go build -o "$out/bench" .)
	go build -o "$out/wasisock" ./cmd/wasisock
	if [ "$program" = server ]; then
		flags='-quiet -idle-timeout 1h' # for as long as measuring takes
		cc -O2 -Wall -Wextra -o "$out/epoll" bench/yardstick/epoll.c
		row 'C epoll' "$(quoted "$out/epoll") 127.0.0.1 {port}"
	else
		flags=''
		(cd bench && go build -o "$out/nethttp" ./nethttp)
		row 'native, one thread' "env GOMAXPROCS=1 $(server nethttp)"
		rows+=(-idle '0,2000')
	fi
	if [ -n "$smoke" ]; then
		build_guest
		for minor in 0.14 0.17; do
			variable=WASISOCK_WASMEDGE_${minor/./}
			if [ -n "${!variable:-}" ]; then
				row "WasmEdge $(version_of "${!variable}") interpreter" "$(quoted "${!variable}") $(server "$program.wasm")"
			elif [ "${WASISOCK_ENGINES:-}" = required ]; then
				die "$variable is not set"
			fi
		done
		rows+=(-idle '0,100' -conns 8 -rounds 1 -window 1s -rest 1s)
	else
		WASISOCK_WASMEDGE_014=$(wasmedge 0.14)
		WASISOCK_WASMEDGE_017=$(wasmedge 0.17)
		export WASISOCK_WASMEDGE_014 WASISOCK_WASMEDGE_017
		build_guest --aot 0.14 --aot 0.17
		wasmedge_rows 0.14 "$WASISOCK_WASMEDGE_014" ''
		wasmedge_rows 0.17 "$WASISOCK_WASMEDGE_017" '--run-mode aot'
	fi
	row wazero "$(quoted "$out/wasisock") run --allow 'listen tcp 127.0.0.1:*' $(server "$program.wasm")"
	exec "$out/bench" -out "$out" "${rows[@]}" "$@"
}

out='' rows=() program=server flags=''
main "$@"

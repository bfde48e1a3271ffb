#!/usr/bin/env bash
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: bench/run.sh [--net-http|--instances] [--smoke] [BENCH OPTION]...
       bench/run.sh --soak [TIME]

Measures guest/server side by side with a native server that does the same work,
and leaves results.md, results.tsv and plots in build/bench/server. About ten minutes
on two cores, which should have nothing else to do. The first run also fetches
WasmEdge and compiles the server for it, some minutes more.

  --net-http    measures an ordinary server on net/http instead, bench/nethttp, into
                build/bench/net-http: beside itself compiled natively, on every
                engine, by WasmEdge's own programs and by wasi-go. Half an hour
  --instances   measures one, two and 200 guests in one process
  --soak        loads that server for TIME, 30m by default, with wrk and others, with
                clients that reset, and with a new guest every 20 seconds: an error
                is a request that is lost, and memory or descriptors that grow
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

# row NAME COMMAND FILE: a row of the tables, COMMAND with the program in FILE; peer: of one
# that can answer from memory, too; compiler NAME COMMAND: a compiler's.
row() { rows+=(-server "$1=$2 $(server "$3")"); }
compiler() { rows+=(-compile "$1=$2"); }
peer() {
	row "$@"
	rows+=(-memory "$1=$2 $(quoted "$out/$3") -memory {requests}")
}

# wasmedge_rows row|peer FILE [WORDS]: FILE.wasm on WasmEdge's own programs, compiled ahead of
# time.
wasmedge_rows() {
	local minor name
	for minor in $(minors); do
		name="WasmEdge $minor${3:-}"
		"$1" "$name" "$(quoted "$(wasmedge "$minor")") $(run_flags "$minor")" "$2.aot-$minor.wasm"
		rows+=(-interpreter "$name=$(quoted "$(wasmedge "$minor")") $(server "$2.wasm")")
	done
}

# wasmedge MINOR: the one that the environment names, or else what is fetched.
wasmedge() {
	local variable=WASISOCK_WASMEDGE_${1/./}
	if [ -n "${!variable:-}" ]; then printf '%s' "${!variable}"; else scripts/get-wasmedge.sh "$1" | tail -n1; fi
}

# minors: the versions of WasmEdge that are tested; run_flags MINOR: the flags with which the
# program runs what was compiled ahead of time.
minors() { scripts/get-wasmedge.sh --list; }
run_flags() { awk -v minor="$1" '$1 == "wasmedge" && $2 == minor { $1 = $2 = $3 = ""; sub(/^ +/, ""); print }' internal/engines/versions.txt; }

# build FILE [FLAG]...: the program, into FILE.wasm; build_aot: for each WasmEdge, too.
build() {
	local file=$1
	shift
	if [ "$program" = server ]; then
		scripts/build-wasm.sh -o "$out" "$@" server
	else
		"$out/wasisock" build -C bench -trimpath -ldflags='-s -w' "$@" -o "$out/$file.wasm" ./nethttp
	fi
}
build_aot() {
	local minor versions=()
	for minor in $(minors); do versions+=(--aot "$minor"); done
	build "$@" "${versions[@]}"
}

instance_rows() {
	local n
	build nethttp
	for n in 1 2 200; do
		row "$n" "$(quoted "$out/wasisock") run --listen tcp:127.0.0.1:{port} --instances $n" nethttp.wasm
	done
	[ -n "$smoke" ] || rows+=(-idle 0 -rest 10s)
}

# run, run_wasmtime: the start of a command that runs a guest.
run() { printf '%s run %s' "$(quoted "$out/wasisock")" "$allow"; }
run_wasmtime() { printf '%s run --engine wasmtime %s' "$(quoted "$out/wasisock-wasmtime")" "$allow"; }

# engine_rows: guest/server on every engine, beside a native server that does the same.
engine_rows() {
	flags='-quiet -idle-timeout 1h' # for as long as measuring takes
	cc -O2 -Wall -Wextra -o "$out/epoll" bench/yardstick/epoll.c
	rows+=(-server "C epoll=$(quoted "$out/epoll") 127.0.0.1 {port}")
	if [ -n "$smoke" ]; then
		build server
		interpreter_rows
	else
		build_aot server
		wasmedge_rows row server
	fi
	row wazero "$(run)" server.wasm
	row wasmtime "$(run_wasmtime)" server.wasm
}

# peer_rows: net/http on all that runs it. A row is of the program as wasisock build makes it,
# unless its name says that it is as Go made it.
peer_rows() {
	local host minor as_made=', as Go made it' build=build
	[ -n "$smoke" ] || build=build_aot
	$build nethttp
	$build nethttp-plain --rewrite=off
	(
		cd bench
		go build -o "$out/nethttp" ./nethttp
		GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags='-s -w' -tags stealthrocket -o "$out/nethttp-stealthrocket.wasm" ./nethttp
		go build -o "$out/wasirun" github.com/stealthrocket/wasi-go/cmd/wasirun
		go build -modfile=wazero.mod -o "$out/wasirun-wazero" github.com/stealthrocket/wasi-go/cmd/wasirun
	)
	peer native 'env GOMAXPROCS=1' nethttp
	peer wasmtime "$(run_wasmtime)" nethttp.wasm
	peer "wasmtime$as_made" "$(run_wasmtime) --rewrite off" nethttp-plain.wasm
	peer wazero "$(run)" nethttp.wasm
	peer "wazero$as_made" "$(run) --rewrite off" nethttp-plain.wasm
	peer 'wazero, interruptible' "$(run) --interruptible" nethttp.wasm
	# The guest that is built with stealthrocket/net runs on both hosts.
	row 'wazero, guest of wasi-go' "$(run)" nethttp-stealthrocket.wasm
	for host in wasirun wasirun-wazero; do
		rows+=(-server "${host/wasirun/wasi-go}=$(quoted "$out/$host") --max-open-files 65536 $(quoted "$out/nethttp-stealthrocket.wasm") -- -addr 127.0.0.1:{port}")
	done
	compiler wasmtime "$(quoted "$out/wasisock-wasmtime") compile --engine wasmtime -o {out} $(quoted "$out/nethttp.wasm")"
	compiler wazero "$(quoted "$out/wasisock") compile -o {out} $(quoted "$out/nethttp.wasm")"
	if [ -n "$smoke" ]; then
		interpreter_rows
		return
	fi
	wasmedge_rows peer nethttp
	wasmedge_rows peer nethttp-plain "$as_made"
	for minor in $(minors); do
		(
			eval "$(scripts/get-wasmedge.sh --cgo-env "$minor")"
			go build -tags wasmedge -o "$out/wasisock-$minor" ./cmd/wasisock
		)
		peer "wasisock with WasmEdge $minor" "$(quoted "$out/wasisock-$minor") run --engine wasmedge --aot wait $allow" nethttp.wasm
		compiler "WasmEdge $minor" "$(quoted "$(wasmedge "$minor")") compile $(quoted "$out/nethttp.wasm") {out}/nethttp.so"
	done
	rows+=(-idle '0,3000,9000')
}

# interpreter_rows: the program on WasmEdge's own programs, where the environment names them.
interpreter_rows() {
	local minor variable
	for minor in $(minors); do
		variable=WASISOCK_WASMEDGE_${minor/./}
		if [ -n "${!variable:-}" ]; then
			row "WasmEdge $minor, interpreted" "$(quoted "${!variable}")" "$program.wasm"
		elif [ "${WASISOCK_ENGINES:-}" = required ]; then
			die "$variable is not set"
		fi
	done
}

# soak TIME: wasisock and not a shell gets the signals.
soak() {
	build nethttp
	exec "$out/bench" soak "$(quoted "$out/wasisock") run --restart always --listen tcp:127.0.0.1:{port} $(server nethttp.wasm)" "$1"
}

main() {
	while :; do
		case ${1:-} in
		-h | --help)
			usage
			return
			;;
		--smoke) smoke=yes ;;
		--soak) program=nethttp session=soak ;;
		--net-http | --instances) program=nethttp session=${1#--} ;;
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
	go build -tags wasmtime -o "$out/wasisock-wasmtime" ./cmd/wasisock
	if [ -n "$smoke" ]; then rows+=(-idle '0,100' -conns 8 -rounds 1 -window 1s -rest 1s -requests 100); fi
	case $session in
	net-http) peer_rows ;;
	instances) instance_rows ;;
	soak) soak "${1:-30m}" ;;
	*) engine_rows ;;
	esac
	exec "$out/bench" -out "$out/$session" "${rows[@]}" "$@"
}

out='' smoke='' rows=() program=server session=server flags=''
allow="--allow 'listen tcp 127.0.0.1:*'"
main "$@"

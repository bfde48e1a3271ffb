#!/usr/bin/env bash
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: bench/run.sh [--net-http|--wasmedge|--hosts|--instances] [--smoke] [BENCH OPTION]...
       bench/run.sh --soak [TIME]

Measures guest/server side by side with a native server that does the same work,
and leaves results.md and results.tsv in build/bench. About ten minutes on two
cores, which should have nothing else to do. The first run also fetches WasmEdge
and compiles the server for it, some minutes more.

  --net-http    measures an ordinary server on net/http instead, bench/nethttp,
                beside itself compiled natively
  --wasmedge    measures that server on WasmEdge, by its own program and by wasisock
                with WasmEdge inside
  --hosts       measures hosts that are written in Go: that server on wasi-go, as
                released and on our wazero, and on wasisock
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

# minors: the versions of WasmEdge that are tested; build_aot: build_guest for all of them;
# run_flags MINOR: the flags with which the program runs what was compiled ahead of time.
minors() { scripts/get-wasmedge.sh --list; }
build_aot() {
	local minor versions=()
	for minor in $(minors); do versions+=(--aot "$minor"); done
	build_guest "${versions[@]}"
}
run_flags() { awk -v minor="$1" '$1 == "wasmedge" && $2 == minor { $1 = $2 = $3 = ""; sub(/^ +/, ""); print }' internal/engines/versions.txt; }

# build_guest [--aot MINOR]...
build_guest() {
	if [ "$program" = server ]; then
		scripts/build-wasm.sh -o "$out" "$@" server
	else
		"$out/wasisock" build -C bench -trimpath -ldflags='-s -w' "$@" -o "$out/nethttp.wasm" ./nethttp
	fi
}

# host_rows: the guest that is built with stealthrocket/net runs on both hosts.
host_rows() {
	local guest=$out/nethttp-stealthrocket.wasm
	(
		cd bench
		GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags='-s -w' -tags stealthrocket -o "$guest" ./nethttp
		go build -o "$out/wasirun" github.com/stealthrocket/wasi-go/cmd/wasirun
		go build -modfile=wazero.mod -o "$out/wasirun-wazero" github.com/stealthrocket/wasi-go/cmd/wasirun
	)
	build_guest
	row 'wasi-go' "$(quoted "$out/wasirun") --max-open-files 65536 $(quoted "$guest") -- -addr 127.0.0.1:{port}"
	row 'wasi-go, our wazero' "$(quoted "$out/wasirun-wazero") --max-open-files 65536 $(quoted "$guest") -- -addr 127.0.0.1:{port}"
	row 'wasisock, same guest' "$(quoted "$out/wasisock") run --allow 'listen tcp 127.0.0.1:*' $(server nethttp-stealthrocket.wasm)"
	row wasisock "$(quoted "$out/wasisock") run --allow 'listen tcp 127.0.0.1:*' $(server nethttp.wasm)"
	row 'wasisock, wasmtime' "$(quoted "$(with_wasmtime)") run --engine wasmtime --allow 'listen tcp 127.0.0.1:*' $(server nethttp.wasm)"
	[ -n "$smoke" ] || rows+=(-idle '0,5000,9000' -rest 10s)
}

instance_rows() {
	local n
	build_guest
	for n in 1 2 200; do
		row "$n" "$(quoted "$out/wasisock") run --listen tcp:127.0.0.1:{port} --instances $n $(server nethttp.wasm)"
	done
	[ -n "$smoke" ] || rows+=(-idle 0 -rest 10s)
}

# embedded_rows: compiled code on WasmEdge's own program, and under wasisock.
embedded_rows() {
	local minor
	build_aot
	for minor in $(minors); do
		wasmedge_rows "$minor" "$(wasmedge "$minor")" "$(run_flags "$minor")"
		(
			eval "$(scripts/get-wasmedge.sh --cgo-env "$minor")"
			go build -tags wasmedge -o "$out/wasisock-$minor" ./cmd/wasisock
		)
		row "wasisock, WasmEdge $minor" "$(quoted "$out/wasisock-$minor") run --engine wasmedge --aot wait --allow 'listen tcp 127.0.0.1:*' $(server nethttp.wasm)"
	done
	[ -n "$smoke" ] || rows+=(-idle '0,5000')
}

# with_wasmtime: the path of a wasisock with wasmtime inside.
with_wasmtime() {
	go build -tags wasmtime -o "$out/wasisock-wasmtime" ./cmd/wasisock
	printf %s "$out/wasisock-wasmtime"
}

# engine_rows: the program on every engine, and what is compiled natively beside it.
engine_rows() {
	local minor variable
	if [ "$program" = server ]; then
		flags='-quiet -idle-timeout 1h' # for as long as measuring takes
		cc -O2 -Wall -Wextra -o "$out/epoll" bench/yardstick/epoll.c
		row 'C epoll' "$(quoted "$out/epoll") 127.0.0.1 {port}"
	else
		flags=''
		(cd bench && go build -o "$out/nethttp" ./nethttp)
		row 'native, one thread' "env GOMAXPROCS=1 $(server nethttp)"
		[ -n "$smoke" ] || rows+=(-idle '0,2000')
	fi
	if [ -n "$smoke" ]; then
		build_guest
		for minor in $(minors); do
			variable=WASISOCK_WASMEDGE_${minor/./}
			if [ -n "${!variable:-}" ]; then
				row "WasmEdge $(version_of "${!variable}") interpreter" "$(quoted "${!variable}") $(server "$program.wasm")"
			elif [ "${WASISOCK_ENGINES:-}" = required ]; then
				die "$variable is not set"
			fi
		done
	else
		for minor in $(minors); do
			variable=WASISOCK_WASMEDGE_${minor/./}
			printf -v "$variable" %s "$(wasmedge "$minor")"
			export "${variable?}"
		done
		build_aot
		for minor in $(minors); do
			wasmedge_rows "$minor" "$(wasmedge "$minor")" "$(run_flags "$minor")"
		done
	fi
	row wazero "$(quoted "$out/wasisock") run --allow 'listen tcp 127.0.0.1:*' $(server "$program.wasm")"
	row wasmtime "$(quoted "$(with_wasmtime)") run --engine wasmtime --allow 'listen tcp 127.0.0.1:*' $(server "$program.wasm")"
}

# soak TIME: wasisock and not a shell gets the signals.
soak() {
	build_guest
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
		--net-http | --wasmedge | --hosts | --instances) program=nethttp session=${1#--} ;;
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
	if [ -n "$smoke" ]; then rows+=(-idle '0,100' -conns 8 -rounds 1 -window 1s -rest 1s); fi
	case $session in
	wasmedge) embedded_rows ;;
	hosts) host_rows ;;
	instances) instance_rows ;;
	soak) soak "${1:-30m}" ;;
	*) engine_rows ;;
	esac
	exec "$out/bench" -out "$out" "${rows[@]}" "$@"
}

out='' smoke='' rows=() program=server session=server flags=''
main "$@"

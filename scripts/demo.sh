#!/usr/bin/env bash
# Runs on bash 3.2 and BSD tools too: macOS has no newer ones.
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: scripts/demo.sh

Builds the two programs of the WasmEdge book, guest/server and guest/client, and
shows them at work: the server under `wasisock run`, and curl and the client
asking it; then the same under every WasmEdge that is here already. Nothing is
downloaded but Go modules. Ends by itself; the exit status is 0 if everything was
as it should be.

environment:
  WASISOCK_WASMEDGE_014, WASISOCK_WASMEDGE_017
                            paths of wasmedge programs to show as well; otherwise
                            the one in PATH and those of scripts/get-wasmedge.sh
USAGE
}

say() {
	if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi
}
die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# show COMMAND…: prints the command as one would type it.
show() {
	local word
	printf '$'
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
}

# expect STATUS TEXT COMMAND…: shows the command and what it prints, which must
# hold every line of TEXT; and its exit status must be STATUS.
expect() {
	local status=$1 text=$2 got=0 line out=$scratch/out
	shift 2
	show "$@"
	"$@" >"$out" 2>&1 || got=$?
	cat "$out"
	[ -z "$(tail -c1 "$out")" ] || printf '\n'
	[ "$got" = "$status" ] || die "the exit status is $got, not $status"
	while read -r line; do
		grep -qF -- "$line" "$out" || die "that should have printed: $line"
	done <<<"$text"
}

# start_server ENGINE…: leaves its process in $server and its address in $addr.
start_server() {
	local waited=0 log=$scratch/server.log
	: >"$log"
	show "$@" "$out/server.wasm" -addr 127.0.0.1:0
	"$@" "$out/server.wasm" -addr 127.0.0.1:0 >"$log" 2>&1 &
	server=$!
	addr=''
	while [ -z "$addr" ]; do
		kill -0 "$server" 2>/dev/null || die "the server ended: $(cat "$log")"
		[ "$waited" -lt 600 ] || die "the server does not listen after a minute: $(cat "$log")"
		sleep 0.1
		waited=$((waited + 1))
		addr=$(sed -n 's/^listening on \(.*\)$/\1/p' "$log")
	done
}

# stop_server: ends it by a signal, as any service, and shows its log. wasisock lets the guest
# end by itself, and WasmEdge is ended by the signal.
stop_server() {
	local got=0 want=0
	[ "$(basename "${serve[0]}")" != wasmedge ] || want=143
	sleep 0.2 # for its last lines
	kill -TERM "$server"
	wait "$server" 2>/dev/null || got=$?
	server=''
	printf 'The server said:\n'
	sed 's/^/    /' "$scratch/server.log"
	[ "$got" = "$want" ] || die "after SIGTERM the server's exit status is $got, not $want"
}

# round: one engine, with the commands in the arrays serve and fetch.
round() {
	start_server "${serve[@]}"
	expect 0 'echo: name=WasmEdge' \
		curl -sS --max-time 10 -d name=WasmEdge -X POST "http://$addr"
	expect 0 "http://$addr: 200 OK, 18 bytes
echo: from a guest" \
		"${fetch[@]}" "$out/client.wasm" -timeout 10s -d 'from a guest' -body "http://$addr"
	expect 1 "http://$addr/one: 200 OK
http://$addr/two: 200 OK
http://127.0.0.1:1: connection refused" \
		"${fetch[@]}" "$out/client.wasm" -timeout 10s -q "http://$addr/one" http://127.0.0.1:1 "http://$addr/two"
	stop_server
}

# wasmedges: the paths of those that are here, each once.
wasmedges() {
	local prefix=${WASISOCK_WASMEDGE_PREFIX:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/wasisock/wasmedge}
	{
		local named=("${!WASISOCK_WASMEDGE_0@}") variable
		if [ ${#named[@]} -gt 0 ]; then
			for variable in "${named[@]}"; do printf '%s\n' "${!variable}"; done
		else
			type -P wasmedge || true
			ls "$prefix"/*/wasmedge 2>/dev/null || true
		fi
	} | awk 'NF && !seen[$0]++'
}

finish() {
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
	[ -z "$scratch" ] || rm -rf "$scratch"
}

main() {
	local program version found=''
	case ${1:-} in
	-h | --help)
		usage
		return
		;;
	esac
	[ $# = 0 ] || die "no arguments are known; see --help"
	type -P go >/dev/null || die "no go in PATH; install Go 1.25 or newer"
	type -P curl >/dev/null || die "no curl in PATH; install curl"
	cd "$(dirname "${BASH_SOURCE[0]}")/.."
	out=build
	scratch=$(mktemp -d)
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	scripts/build-wasm.sh -o "$out" server client
	go build -o "$out/wasisock" ./cmd/wasisock

	say 'wasisock run: wazero, and a policy that says what the guest may do'
	serve=("$out/wasisock" run --allow 'listen tcp 127.0.0.1:*')
	fetch=("$out/wasisock" run --allow 'dial tcp 127.0.0.1:*')
	round

	while read -r program; do
		[ -n "$program" ] || continue
		found=yes
		version=$("$program" --version | sed -n '1s/.*version //p')
		say "WasmEdge $version, the same files"
		serve=("$program")
		fetch=("$program")
		round
	done <<<"$(wasmedges)"
	[ -n "$found" ] || say 'No WasmEdge is here; scripts/get-wasmedge.sh fetches one.'
	say 'Everything was as it should be.'
}

out='' scratch='' server='' addr='' serve=() fetch=()
main "$@"

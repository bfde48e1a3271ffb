#!/usr/bin/env bash
# Runs on bash 3.2 and BSD tools too: macOS has no newer ones.
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: scripts/build-wasm.sh [-o DIR] [--aot 0.14|0.17]... [NAME...]

Compiles the guests to wasip1 modules, DIR/NAME.wasm (DIR is build by default).
NAME is server, client or guest (the test guest); all of them without a name.

  --aot VERSION   also leaves DIR/NAME.aot-VERSION.wasm, compiled to machine code
                  for that WasmEdge and this kind of CPU. It is still a wasm
                  module, which any other engine interprets. To run it as code:
                      0.14:  wasmedge FILE
                      0.17:  wasmedge --run-mode aot FILE
                  Compiling takes most of a minute for each file; the result is
                  kept for a month under
                  ${XDG_CACHE_HOME:-$HOME/.cache}/wasisock/aot
USAGE
}

# File 3 is the caller's stderr, also where a command's own goes to a log.
exec 3>&2
say() { printf 'build-wasm: %s\n' "$*" >&3; }
die() {
	say "$@"
	exit 1
}

# guest_dirs: every directory that holds a guest program, named NAME by its last part.
guest_dirs() {
	local dir
	for dir in guest/* testdata/guest; do
		if grep -qs '^package main$' "$dir"/*.go; then printf '%s\n' "$dir"; fi
	done
}

guest_dir() {
	guest_dirs | awk -F/ -v name="$1" '$NF == name { print; found = 1 } END { exit !found }' ||
		die "no guest named '$1'; there are: $(guest_dirs | sed 's|.*/||' | paste -sd' ' -)"
}

# with_progress WHAT COMMAND…: says after two seconds, then every ten, that WHAT
# goes on. Leaves the seconds that it took in $took.
with_progress() {
	local what=$1 started ticker status=0
	shift
	started=$(now)
	(
		waited=0
		while sleep 1 3>&- && kill -0 $$; do
			waited=$((waited + 1))
			if [ $((waited % 10)) -eq 0 ] || [ "$waited" -eq 2 ]; then say "$what: $waited s"; fi
		done
	) >/dev/null 2>&1 &
	ticker=$!
	"$@" || status=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	took=$(awk -v from="$started" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }')
	return "$status"
}

# now: seconds, as exact as this bash can measure.
now() { printf '%s\n' "${EPOCHREALTIME:-$(date +%s)}"; }

report() {
	local bytes
	bytes=$(wc -c <"$1")
	awk -v file="$1" -v bytes="$bytes" -v took="$2" \
		'BEGIN { printf "%-32s %6.2f MB  %s\n", file, bytes / 1e6, took }'
}

# put NEW FILE: FILE appears whole, and keeps its date when nothing changed,
# so that results of `go test` which depend on it stay cached.
put() {
	if cmp -s "$1" "$2"; then rm -f "$1"; else mv -f "$1" "$2"; fi
}

# compile_guest DIR NEW: without the commit in the file (-buildvcs), so that the
# same sources make the same bytes and AOT results can be found by them.
compile_guest() {
	GOOS=wasip1 GOARCH=wasm go build -buildvcs=false -trimpath -ldflags='-s -w' -o "$2" "./$1"
}

# compile_aot NAME VERSION PROGRAM: a universal file (ending .wasm), because an
# .so file is as fast and takes as long, but runs on no other engine.
compile_aot() {
	local file=$out/$1.aot-$2.wasm started
	started=$(now)
	env "WASISOCK_WASMEDGE_${2/./}=$3" go run ./cmd/internal/aot "$2" "$out/$1.wasm" ||
		die "wasmedge $2 could not compile $out/$1.wasm"
	report "$file" "$(awk -v from="$started" -v to="$(now)" 'BEGIN { printf "%.1f s", to - from }')"
}

remove_scratch() { rm -f "$out"/*.tmp.$$; }

main() {
	local versions='' names='' dirs='' dir name version program programs=''
	out=build
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help)
			usage
			exit
			;;
		-o | --aot)
			[ $# -gt 1 ] || die "$1 needs a value; see --help"
			if [ "$1" = -o ]; then out=$2; else versions="$versions $2"; fi
			shift
			;;
		-*) die "unknown option $1; see --help" ;;
		*) names="$names $1" ;;
		esac
		shift
	done
	type -P go >/dev/null || die "no go in PATH; install Go 1.25 or newer"
	mkdir -p "$out" || die "cannot make the directory $out; name another with -o"

	local tree
	tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
	[ "$tree" = "$PWD" ] || out=$(cd "$out" && pwd)
	cd "$tree"
	trap remove_scratch EXIT

	if [ -z "$names" ]; then
		dirs=$(guest_dirs)
	else
		for name in $names; do
			dir=$(guest_dir "$name") || exit 1
			dirs="$dirs $dir"
		done
	fi
	for version in $versions; do
		program=$(scripts/get-wasmedge.sh "$version" | tail -n1) || exit 1
		programs="$programs$version $program"$'\n'
	done

	for dir in $dirs; do
		name=${dir##*/}
		with_progress "building $name" compile_guest "$dir" "$out/$name.wasm.tmp.$$" ||
			die "$dir does not compile for wasip1"
		put "$out/$name.wasm.tmp.$$" "$out/$name.wasm"
		report "$out/$name.wasm" "$took s"
		while read -r version program; do
			[ -z "$version" ] || compile_aot "$name" "$version" "$program"
		done <<<"$programs"
	done
}

out='' took=''
main "$@"

#!/usr/bin/env bash
set -euo pipefail

# What is tested, and the Debian suites that serve it.
versions=$(dirname "${BASH_SOURCE[0]}")/../internal/engines/versions.txt

list() { awk '$1 == "wasmedge" { print $2 }' "$versions"; }

suite_of() { awk -v minor="$1" '$1 == "wasmedge" && $2 == minor { print $3; found = 1 } END { exit !found }' "$versions"; }

usage() {
	cat <<'USAGE'
usage: scripts/get-wasmedge.sh [--cgo-env | --crun] [VERSION]
       scripts/get-wasmedge.sh --list

Prints, on its last line, the path of a program that runs WasmEdge of that
minor version (the oldest that is tested without an argument):

    $(scripts/get-wasmedge.sh 0.17 | tail -n1) --version

A wasmedge in PATH of that version is used as it is. Otherwise Debian's packages
(of trixie or of sid, which moves on) are unpacked into a directory
of their own, 42 MB to download and 190 MB on disk; nothing is installed on the
system and root is not needed. A second call answers from that directory; remove
the directory to fetch anew.

  --list      prints the versions that are tested instead, oldest first

  --cgo-env   prints instead what a shell needs to build programs that embed
              this WasmEdge with WasmEdge-go, so that they find it when they run:

    eval "$(scripts/get-wasmedge.sh --cgo-env 0.14)"

  --crun      prints instead the path of a crun, a runtime of containers, that
              runs guests with this WasmEdge; patchelf must be in PATH

environment:
  WASISOCK_WASMEDGE_PREFIX  where the directories go
                            (${XDG_CACHE_HOME:-$HOME/.cache}/wasisock/wasmedge)
  WASISOCK_DEBIAN_MIRROR    URL of a Debian mirror
                            (the one that this machine's apt uses)
USAGE
}

say() { printf 'get-wasmedge: %s\n' "$*" >&2; }
die() {
	say "$@"
	exit 1
}

version_of() { "$1" --version 2>/dev/null | sed -n 's/^.*version \([0-9][0-9.]*\).*$/\1/p' | head -n1; }
minor_of() { sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' <<<"$1"; }

answer() {
	say "wasmedge $(version_of "$1") ($1)"
	printf '%s\n' "$1"
}

# print_cgo_env PREFIX. Programs start with the directory's own loader, and so with its
# libc, which may be newer than this machine's; its linker need not know that.
# RPATH holds for libraries of libraries too, as RUNPATH does not. WasmEdge-go needs the
# headers of the oldest version, and what is built with them runs on the newer too.
print_cgo_env() {
	local lib=$1/$libdir CGO_CFLAGS="-O2 -g -I$1/usr/include"
	[ "$2" = "$(list | head -n1)" ] || eval "$("$0" --cgo-env)"
	case $1 in
	*[[:space:]]*) die "cgo takes no directory with a space in its name, which $1 has; name another in WASISOCK_WASMEDGE_PREFIX" ;;
	esac
	printf 'export CGO_ENABLED=1 CGO_CFLAGS=%s CGO_LDFLAGS=%s\n' \
		"$(quoted "$CGO_CFLAGS")" \
		"$(quoted "-O2 -g -L$lib -Wl,-rpath,$lib -Wl,--disable-new-dtags -Wl,--allow-shlib-undefined -Wl,--dynamic-linker=$lib/$loader")"
}

# has_minor PROGRAM MINOR: the program starts and is of that version.
has_minor() { [ -x "$1" ] && [ "$(minor_of "$(version_of "$1")")" = "$2" ]; }

require_debian_tools() {
	local minor=$1 tool
	for tool in apt-get apt-cache apt-config dpkg dpkg-deb flock; do
		type -P "$tool" >/dev/null ||
			die "no $tool here, and WasmEdge $minor is unpacked from Debian's packages; install WasmEdge $minor yourself and put it in PATH"
	done
	[ -r "$keyring" ] ||
		die "$keyring is missing, and Debian's packages are checked with it; install the package debian-archive-keyring"
}

set_architecture() {
	arch=$(dpkg --print-architecture)
	case $arch in
	amd64) libdir=usr/lib/x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
	arm64) libdir=usr/lib/aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
	*) die "this machine is $arch, and Debian has WasmEdge for amd64 and arm64 only; use one of those, or put a wasmedge of your own in PATH" ;;
	esac
}

# debian_mirrors: every URL that this machine's apt fetches a whole Debian suite
# from. Another archive may use the same suite names; Debian's keyring refuses it.
debian_mirrors() {
	if [ -n "${WASISOCK_DEBIAN_MIRROR:-}" ]; then
		printf '%s\n' "$WASISOCK_DEBIAN_MIRROR"
		return
	fi
	local ID='' VERSION_CODENAME='' PRETTY_NAME='unknown'
	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || . /etc/os-release
	[ "$ID" = debian ] ||
		die "this system is $PRETTY_NAME, not Debian, so its apt has no Debian mirror; name one in WASISOCK_DEBIAN_MIRROR, or put a wasmedge of your own in PATH"
	# shellcheck disable=SC2016 # apt-get expands these
	apt-get --no-release-info indextargets \
		--format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
		awk -v codename="$VERSION_CODENAME" '
			$3 == "main" && $4 == "Packages" &&
			($2 == codename || $2 ~ /^(oldstable|stable|testing|unstable|sid|trixie)$/) &&
			!seen[$1]++ { print $1 }'
}

# private_apt DIR COMMAND…: an apt command that reads and writes nothing of the
# system's but its proxy settings. The empty status file makes every dependency
# count as missing, libc too, so that the directory needs nothing of this machine.
private_apt() {
	local dir=$1 command=$2
	shift 2
	"$command" -q \
		-o Dir::State="$dir/state" -o Dir::State::lists="$dir/lists" \
		-o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
		-o Dir::Log="$dir/log" \
		-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Update::Error-Mode=any -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
		"$@"
}

last_complaints() { grep -E '^(E|W|Err)[: ]' "$1" | tail -n 4 | sed 's/^/  /' >&2 || true; }

# update_from_a_mirror DIR SUITE: fills the package lists from the first mirror
# that serves the suite under Debian's signature.
update_from_a_mirror() {
	local dir=$1 suite=$2 mirror mirrors
	mkdir -p "$dir"/{state,log} "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	mirrors=$(debian_mirrors) || exit 1
	[ -n "$mirrors" ] ||
		die "apt on this machine names no Debian mirror (no suite with a component main in its sources); name one in WASISOCK_DEBIAN_MIRROR"
	for mirror in $mirrors; do
		printf 'deb [arch=%s target=Packages signed-by=%s] %s %s main\n' \
			"$arch" "$keyring" "$mirror" "$suite" >"$dir/sources.list"
		if private_apt "$dir" apt-get update >"$dir/update.log" 2>&1; then
			return
		fi
	done
	last_complaints "$dir/update.log"
	! grep -q 'Release file .* is expired' "$dir/update.log" ||
		die "the mirror's lists of Debian $suite are out of date (or this machine's clock is wrong); name a mirror that keeps up in WASISOCK_DEBIAN_MIRROR"
	die "could not read the package lists of Debian $suite from: ${mirrors//$'\n'/, }; check the network and proxy, or name another mirror in WASISOCK_DEBIAN_MIRROR"
}

# require_tried_version DIR SUITE MINOR: fails before 42 MB are downloaded.
require_tried_version() {
	local dir=$1 suite=$2 minor=$3 version
	version=$(private_apt "$dir" apt-cache show --no-all-versions wasmedge 2>/dev/null |
		sed -n 's/^Version: \([0-9.]*\).*/\1/p' | head -n1)
	[ -n "$version" ] ||
		die "Debian $suite has no package wasmedge for $arch now; put a wasmedge $minor of your own in PATH"
	[ "$(minor_of "$version")" = "$minor" ] ||
		die "$suite now serves wasmedge $version, which wasisock has never been tried with; tested are $(list | paste -sd' '): put a wasmedge $minor of your own in PATH, or add $(minor_of "$version") to $versions and run 'make test-engines'"
	say "fetching wasmedge $version from Debian $suite (about 42 MB)"
}

# quoted STRING: as one word for /bin/sh.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# write_wrapper DIR FINAL: DIR becomes FINAL later; the wrapper names FINAL.
# The packages bring a newer libc than this machine may have, hence their own
# loader. libLLVM looks for its libraries in $ORIGIN/../lib and nowhere in the
# library path, hence the link, without which it would find this machine's.
write_wrapper() {
	local dir=$1 final=$2
	[ -e "$dir/usr/lib/lib" ] || ln -s "${libdir##*/}" "$dir/usr/lib/lib"
	printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' \
		"$(quoted "$final/$libdir/$loader")" "$(quoted "$final/$libdir")" \
		"$(quoted "$final/usr/bin/wasmedge")" >"$dir/wasmedge"
	chmod +x "$dir/wasmedge"
}

# link_crun FINAL: crun starts with the directory's own loader too. A wrapper does
# not do: crun starts /proc/self/exe again.
link_crun() {
	local dir=$1
	[ ! -x "$dir/crun" ] || return 0
	type -P patchelf >/dev/null || die "no patchelf in PATH; install Debian's package patchelf"
	patchelf --set-interpreter "$dir/$libdir/$loader" --force-rpath --set-rpath "$dir/$libdir" \
		--output "$dir/crun.tmp" "$dir/usr/bin/crun"
	"$dir/crun.tmp" --version | grep -q WASM:wasmedge || die "crun from Debian does not start WasmEdge on this machine; its directory is $dir"
	mv "$dir/crun.tmp" "$dir/crun"
}

# unpack SUITE MINOR FINAL: FINAL appears whole or not at all.
unpack() {
	local suite=$1 minor=$2 final=$3 work=$3.tmp deb
	rm -rf "$work" "$final"
	# shellcheck disable=SC2064 # $work is local: expand it now
	trap "rm -rf $(quoted "$work")" EXIT
	mkdir -p "$work/root"
	update_from_a_mirror "$work/apt" "$suite"
	require_tried_version "$work/apt" "$suite" "$minor"
	private_apt "$work/apt" apt-get install --download-only --yes --no-install-recommends \
		wasmedge libwasmedge-dev crun >"$work/install.log" 2>&1 || {
		last_complaints "$work/install.log"
		die "could not download wasmedge from Debian $suite; check the network and the free space of $base (0.3 GB), and run this again"
	}
	for deb in "$work"/apt/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$work/root" ||
			die "could not unpack ${deb##*/}; check the free space of $base (0.3 GB), and run this again"
	done
	write_wrapper "$work/root" "$final"
	mv "$work/root" "$final"
	has_minor "$final/wasmedge" "$minor" || {
		"$final/wasmedge" --version >&2 || true
		die "wasmedge from Debian $suite does not start on this machine; its directory is $final"
	}
}

main() {
	local minor suite program='' final wanted=program
	minor=$(list | head -n1)
	if [ "${1:-}" = --list ]; then
		list
		return
	fi
	case ${1:-} in
	--cgo-env | --crun)
		wanted=${1#--}
		shift
		;;
	esac
	case ${1:-} in
	-h | --help)
		usage
		exit
		;;
	'') ;;
	*) minor=$1 ;;
	esac
	[ $# -le 1 ] || die "one version at a time; see --help"
	suite=$(suite_of "$minor") || die "no way to get wasmedge '$minor': tested are $(list | paste -sd' '); see --help"

	[ "$wanted" != program ] || program=$(type -P wasmedge || true)
	if [ -n "$program" ] && has_minor "$program" "$minor"; then
		answer "$program"
		return
	fi

	require_debian_tools "$minor"
	set_architecture
	[ -n "${WASISOCK_WASMEDGE_PREFIX:-}${XDG_CACHE_HOME:-}${HOME:-}" ] ||
		die "HOME is not set; say in WASISOCK_WASMEDGE_PREFIX where to unpack WasmEdge"
	base=${WASISOCK_WASMEDGE_PREFIX:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/wasisock/wasmedge}
	(umask go-w && mkdir -p "$base") || die "cannot make the directory $base; say in WASISOCK_WASMEDGE_PREFIX where to unpack WasmEdge"
	base=$(cd "$base" && pwd)
	final=$base/$suite-$minor-$arch

	exec 9>"$final.lock" || die "cannot write in $base; say in WASISOCK_WASMEDGE_PREFIX where to unpack WasmEdge"
	if ! flock -n 9; then
		say "waiting for another run that unpacks wasmedge $minor"
		flock 9
	fi
	# A directory of an earlier version of this script has no crun.
	{ has_minor "$final/wasmedge" "$minor" && { [ "$wanted" != crun ] || [ -x "$final/usr/bin/crun" ]; }; } ||
		unpack "$suite" "$minor" "$final"
	case $wanted in
	cgo-env) print_cgo_env "$final" "$minor" ;;
	crun)
		link_crun "$final"
		printf '%s\n' "$final/crun"
		;;
	program) answer "$final/wasmedge" ;;
	esac
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
arch='' libdir='' loader='' base=''
main "$@"

#!/usr/bin/env bash
# Prints the licenses of the modules that the program wasisock is linked with, with every
# engine: scripts/third-party-licenses.sh >THIRD_PARTY_LICENSES
set -euo pipefail
shopt -s nocaseglob
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rule() { printf '%s\n' '--------------------------------------------------------------------------------'; }

# modules: path, version and directory of each module but this one.
modules() {
	CGO_ENABLED=1 go list -deps -tags wasmtime,wasmedge -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/wasisock | sort -u
}

# texts: digest without white space, file and title of each license, those of one module after the
# other.
texts() {
	local path version dir file found
	modules | while read -r path version dir; do
		found=
		for file in "$dir"/licen[sc]e* "$dir"/copying* "$dir"/notice*; do
			[ -f "$file" ] || continue
			printf '%s\t%s\t%s\n' "$(tr -d '[:space:]' <"$file" | sha256sum | cut -d' ' -f1)" "$file" "$path $version: ${file##*/}"
			found=yes
		done
		[ -n "$found" ] || { echo "third-party-licenses: $path $version has no license file in $dir" >&2; exit 1; }
	done
}

echo 'wasisock is distributed with these modules, under their own licenses. A text that several'
echo 'modules have is here once.'
echo 'The Go standard library is under the license at https://go.dev/LICENSE.'
all=$(texts)
cut -f1 <<<"$all" | awk '!seen[$0]++' | while read -r digest; do
	rule
	awk -F'\t' -v digest="$digest" '$1 == digest { print $3 }' <<<"$all"
	rule
	cat "$(awk -F'\t' -v digest="$digest" '$1 == digest { print $2; exit }' <<<"$all")"
done

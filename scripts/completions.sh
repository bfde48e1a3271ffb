#!/usr/bin/env bash
# Writes the completion scripts of wasisock into the directory $1, which it makes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { echo "usage: scripts/completions.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
command=$(mktemp)
trap 'rm -f "$command"' EXIT
GOOS='' GOARCH='' go build -o "$command" ./cmd/wasisock
"$command" completion bash >"$1/wasisock.bash"
"$command" completion zsh >"$1/_wasisock"
"$command" completion fish >"$1/wasisock.fish"
"$command" completion powershell >"$1/wasisock.ps1"

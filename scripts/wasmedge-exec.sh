#!/bin/sh
# Runs a test program on the WasmEdge that WASMEDGE names, for the go command:
#     GOOS=wasip1 GOARCH=wasm go test -exec scripts/wasmedge-exec.sh ./guest/socket
# (with a path that is right in every package's directory).
exec "${WASMEDGE:?names no wasmedge; set it to what scripts/get-wasmedge.sh prints}" \
	--allow-af-unix --dir /:/ --env "PWD=$PWD" --env "TMPDIR=${TMPDIR:-/tmp}" "$@"

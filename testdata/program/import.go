package main

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
//go:noescape
func fdstat(fd int32, stat *[24]byte) uint32

//go:wasmimport wasi_snapshot_preview1 path_open
//go:noescape
func pathOpen(dir int32, lookup uint32, path *byte, size uint32, oflags uint32, base, inheriting uint64, fdflags uint32, fd *int32) uint32

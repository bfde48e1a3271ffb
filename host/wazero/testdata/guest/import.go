package main

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
//go:noescape
func fdstat(fd int32, stat *[24]byte) uint32

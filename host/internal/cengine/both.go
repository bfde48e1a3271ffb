//go:build wasmedge && wasmtime && cgo

package cengine

// #error "the tags wasmedge and wasmtime do not go together: libwasmtime.a has zstd within, and the linker does not let LLVM, on which libwasmedge depends, have its own beside it; build with one of the tags"
import "C"

package main

import "os"

// The vocabulary of files.

// path is a path on the host, in a directory that is empty at the start, and
// mapped is the same path as the guest's files have it.
func (t *T) path(name string) string {
	dir := os.Getenv("WASISOCK_DIR")
	if dir == "" {
		t.Fatalf("WASISOCK_DIR is not set")
	}
	return dir + "/" + name
}

func mapped(name string) string { return "/" + name }

// openFiles keeps files from being closed by the collector.
var openFiles []*os.File

// opened is the descriptor of an open file.
func (t *T) opened(file *os.File, err error) uint32 {
	if err != nil {
		t.Fatalf("%v", err)
	}
	openFiles = append(openFiles, file)
	return uint32(file.Fd())
}

// regularFile is a descriptor of a file, which nothing can wait for.
func (t *T) regularFile() uint32 {
	return t.opened(os.OpenFile(mapped("file"), os.O_RDWR|os.O_CREATE, 0o600))
}

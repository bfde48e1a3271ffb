// Package host is what a program that runs guests configures: what a guest gets,
// and what it may do. It makes no system calls; package host/wazero runs guests.
package host

import "io"

// DefaultMaxSockets is the number of sockets a guest may hold at once when
// Config.MaxSockets is 0.
const DefaultMaxSockets = 1 << 15

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = "-"

// Config is what one run of a guest gets. The zero value is a guest without
// arguments, environment, files or network, whose output is discarded. An engine
// does not change a Config, and closes nothing that it was given.
type Config struct {
	Args []string // Args[0] is the program's name
	Env  []string // each "KEY=value"

	// Stdin is empty when nil. A Read that blocks outlives a guest that is stopped
	// meanwhile, and its data is lost, except on a terminal, pipe or socket that is
	// an *os.File: nothing is read from such a file but on the guest's demand.
	Stdin io.Reader

	// Stdout and Stderr discard when nil. A Write that blocks blocks the whole guest,
	// which then cannot be stopped, except on an *os.File that the guest made
	// non-blocking, as Go guests do. The file itself stays as it is.
	Stdout, Stderr io.Writer

	Dirs []Dir

	// Policy decides on every use of the network. Nil denies everything.
	Policy Policy

	MaxSockets int // open sockets of the guest; 0 is DefaultMaxSockets

	// MaxMemory limits the guest's memory, in bytes, rounded down to pages of 64 KiB.
	// 0 is the limit of wasm itself, 4 GiB.
	MaxMemory uint64

	// Interruptible lets a guest be stopped while it computes. Without it a guest
	// stops at its next wait or use of a socket, never if there is none, and a
	// guest that computes for long also delays the garbage collector of the whole
	// process. It costs work on every iteration of every loop of the guest: HTTP
	// serving needs about 3 times the CPU, a tight loop up to 90 times.
	Interruptible bool

	// Alone is for a process that runs this guest and nothing else, such as a command.
	// Garbage is then collected during the guest's calls only, and so a guest that
	// computes without end does not stop the process from heeding signals. It
	// changes settings of the whole process until the guest ends.
	Alone bool

	// Trace is told of each use of a socket and each wait; package hosttrace writes
	// them down. Nil costs nothing.
	Trace Tracer

	// Progress receives a line when compiling takes more than two seconds, and one
	// when it ends. Nil is silent.
	Progress io.Writer

	// CacheDir is the folder for compiled code. "" is wasisock in the user's cache
	// folder, and CacheOff is none. Where it cannot be used the guest is compiled
	// anew every time, silently. Whoever can write to the folder can change the code
	// that runs.
	CacheDir string
}

// A Dir is a folder of the host that the guest sees. Symbolic links that lead out of
// it are not followed. That holds against the guest, but not against another process
// that changes links at the same time.
type Dir struct {
	Host     string // path on the host
	Guest    string // absolute path in the guest, such as "/" or "/data"
	ReadOnly bool   // every change is refused, and creating what exists too
}

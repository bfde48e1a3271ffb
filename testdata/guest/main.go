// Command guest is the test guest: what a wasm module can see of the socket
// extension, one sentence per behaviour.
//
//	guest.wasm -list              prints every sentence, its theme and a tab first
//	guest.wasm 'the sentence'     makes it happen
//	guest.wasm 'one' 'another'    makes them happen in turn, each after a line "# one"
//
// A sentence's process exits with 0 after it wrote its transcript to stdout, a
// line per thing seen: errors by their symbolic names, and never a port, a time
// or a descriptor, so that the same transcript comes from every run on every
// host that behaves alike. Where a step that the sentence stands on goes
// another way, the transcript ends with a line FAIL and the exit status is 1;
// where the machine lacks what it needs, with a line SKIP and status 0.
//
// Both ends of every connection live in the guest. Nothing leaves loopback.
//
// Built with the tag v1, the program holds the sentences about the signatures
// of version 1 alone: no module can be given both versions by every host.
//
// Environment: WASISOCK_DIR is a directory, empty at the start, by
// its path on the host, for UNIX sockets, and mapped at / in the guest.
package main

import (
	"fmt"
	"os"
)

// A sentence is one behaviour: what it says, and what shows it.
type sentence struct {
	says string
	show func(*T)
}

// A theme is a group of sentences.
type theme struct {
	name      string
	sentences []sentence
}

func main() {
	sentences := os.Args[1:]
	if len(sentences) == 0 {
		fmt.Fprintln(os.Stderr, "usage: guest.wasm -list | guest.wasm SENTENCE...")
		os.Exit(2)
	}
	if sentences[0] == "-list" {
		for _, theme := range themes {
			for _, s := range theme.sentences {
				fmt.Printf("%s\t%s\n", theme.name, s.says)
			}
		}
		return
	}
	for _, says := range sentences {
		if len(sentences) > 1 {
			fmt.Println("#", says)
		}
		find(says).show(&T{})
	}
}

func find(says string) sentence {
	for _, theme := range themes {
		for _, s := range theme.sentences {
			if s.says == says {
				return s
			}
		}
	}
	fmt.Fprintf(os.Stderr, "no sentence %q; -list prints them all\n", says)
	os.Exit(2)
	panic("unreachable")
}

// T runs a sentence: it has the transcript, and the vocabulary of
// the files net.go, poll.go and memory.go.
type T struct{}

// Log writes a line of the transcript.
func (t *T) Log(args ...any) { fmt.Println(args...) }

// Logf writes a line of the transcript.
func (t *T) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Fatalf ends the process: the sentence cannot be shown.
func (t *T) Fatalf(format string, args ...any) {
	fmt.Printf("FAIL "+format+"\n", args...)
	os.Exit(1)
}

// Skip ends the process: this machine cannot show the sentence.
func (t *T) Skip(why string) {
	fmt.Println("SKIP", why)
	os.Exit(0)
}

//go:build !v1

package main

// themes are all sentences, in the order of the life of a socket.
var themes = []theme{
	{"opening", opening},
	{"binding and listening", binding},
	{"accepting", accepting},
	{"connecting", connecting},
	{"sending and receiving", streaming},
	{"datagrams", datagrams},
	{"UNIX sockets", unix},
	{"addresses", addresses},
	{"shutting down and closing", ending},
	{"options", options},
	{"polling", polling},
	{"clocks and epoll_oneoff", clocks},
	{"names", append(naming, beyondNames...)},
	{"descriptors", descriptors},
	{"pointers", pointers},
	{"package socket", append(append(streams, packets...), typedOptions...)},
	{"package poll", watching},
	{"from outside", append(fromOutside, watchedFromOutside...)},
	{"beyond WasmEdge", beyond},
}

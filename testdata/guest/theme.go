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
	{"from outside", fromOutside},
	{"beyond WasmEdge", beyond},
}

package hosttest

import (
	"slices"
	"testing"
)

// A sentence is one behaviour that an engine must show. To add one, add a row to the
// table of its group and run this package's tests with -update, which writes it into
// docs.
type sentence struct {
	// says is the sentence itself, in English. It is the name of the test.
	says string

	// promise is the promise that the sentence holds: the words in bold with which one
	// of docs/security.md begins, or a heading of docs/stdnet.md. It may be "".
	promise string

	// needs lists the capabilities that it needs; InProcess is added to them.
	needs Capability

	// long is set for what is skipped with -short.
	long bool

	test func(*testing.T, *bench)
}

// A group is the sentences about one thing.
type group struct {
	name      string
	sentences []sentence
	themes    []theme
}

// A theme is a group of transcripts: a file of testdata/golden, and a theme of the test
// guest.
type theme struct{ name, promise string }

// groups are all sentences.
var groups = inProcess([]group{
	{"sockets", aboutSockets, []theme{
		{"opening", promiseWorks}, {"binding and listening", promiseWorks}, {"accepting", promiseWorks}, {"connecting", promiseWorks}, {"sending and receiving", promiseWorks},
		{"datagrams", promiseWorks}, {"UNIX sockets", promiseWorks}, {"addresses", promiseWorks}, {"shutting down and closing", promiseWorks}, {"options", promiseWorks},
		{"descriptors", promiseWorks}, {"package socket", ""}, {"version 1", ""}, {"beyond WasmEdge", ""},
	}},
	{"readiness", aboutReadiness, []theme{
		{"polling", promiseWorks}, {"clocks and epoll_oneoff", promiseWorks}, {"package poll", ""}, {"from outside", ""},
	}},
	{"names", aboutNames, []theme{{"names", promiseLookups}}},
	{"files", aboutFiles, nil},
	{"life of a guest", slices.Concat(aboutLife, aboutLibraries), nil},
	{"limits", aboutLimits, nil},
	{"policy", slices.Concat(aboutPolicy, aboutPaths), nil},
	{"hostile modules", slices.Concat(aboutModules, besideInnocent(false)), nil},
	{"hostile calls", slices.Concat(aboutCalls, aboutLongCalls, besideInnocent(true)), []theme{
		{"pointers", promisePointers}, {"pointers of version 1", promisePointers},
	}},
	{"leaks", aboutLeaks, nil},
	{"results", aboutResults, nil},
})

// The promises of docs/security.md, by the words in bold with which they begin.
const (
	promiseGiven    = "A guest has what it was given, and no more."
	promiseAddress  = "The address that is checked is the address that is used."
	promiseWide     = "Wide rules do not reach inside."
	promiseNames    = "Names hold."
	promisePointers = "Pointers, lengths and numbers are checked."
	promiseFiles    = "Directories hold."
	promiseHosts    = "A guest cannot close or change what is the host's"
	promiseLimits   = "Limits hold"
	promiseNothing  = "Nothing is left."
	promiseTexts    = "Texts are safe to print."
)

// The sections of docs/stdnet.md that the suite holds.
const (
	promiseWorks   = "What works"
	promiseLookups = "Names"
)

// inProcess adds the capability that every sentence in Go needs.
func inProcess(all []group) []group {
	for _, g := range all {
		for i := range g.sentences {
			g.sentences[i].needs |= InProcess
		}
	}
	return all
}

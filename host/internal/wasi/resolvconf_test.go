package wasi

import (
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/internal/sockets"
)

func TestTheNameserverOfTheFile(t *testing.T) {
	if want := "\nnameserver " + sockets.Nameserver.Addr().String() + "\n"; !strings.HasSuffix(resolvConfText, want) {
		t.Errorf("%q; want %q", resolvConfText, want)
	}
	if got := resolvConfOf(false); got != resolvConfText {
		t.Errorf("with another resolver: %q", got)
	}
	if got := resolvConfOf(true); !strings.HasPrefix(got, resolvConfText) || strings.Count(got, "\nnameserver ") != 1 {
		t.Errorf("with the host's: %q", got)
	}
}

func TestSearchOf(t *testing.T) {
	const conf = "# search comment\nnameserver 10.0.0.1\n  search corp.example\tlab.example\noptions ndots:5 # no comment\nsortlist 10.0.0.0\nsearch\ndomain x.example"
	const want = "search corp.example lab.example\noptions ndots:5 # no comment\ndomain x.example\n"
	if got := searchOf(conf); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

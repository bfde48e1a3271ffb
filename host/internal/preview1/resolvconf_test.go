package preview1

import (
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/internal/system"
)

func TestTheNameserverOfTheFile(t *testing.T) {
	text, err := resolvConfFS.ReadFile(resolvConfFile)
	if want := "\nnameserver " + system.Nameserver.Addr().String() + "\n"; err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("%q, %v; want %q", text, err, want)
	}
}

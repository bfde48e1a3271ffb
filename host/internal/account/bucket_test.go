package account

import (
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/netos"
)

func TestBucket(t *testing.T) {
	b := Bucket{rate: 100, at: netos.Clock()}
	for _, step := range []struct {
		n     int
		whole bool
		waits bool
	}{{50, false, false}, {50, false, false}, {1, true, true}, {100, false, true}, {1, true, true}} {
		if d := b.spend(step.n, step.whole); (d > 0) != step.waits {
			t.Errorf("%+v: %v", step, d)
		}
	}
	if b.used < 190 || b.used > 200 {
		t.Errorf("%f are used; those that were refused must not count", b.used)
	}
	if d := (&Bucket{}).spend(1<<40, false); d != 0 {
		t.Errorf("no limit waits %v", d)
	}
}

func TestFirstBytesOfBuffers(t *testing.T) {
	bufs := [][]byte{[]byte("ab"), nil, []byte("cde")}
	for n, want := range []string{"", "a", "ab", "ab||c", "ab||cd", "ab||cde", "ab||cde"} {
		var got []string
		for _, b := range First(bufs, n) {
			got = append(got, string(b))
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%d: %q, want %q", n, s, want)
		}
	}
}

func TestLookupsComeBackWithTime(t *testing.T) {
	var a Account
	a.Open(host.Limits{LookupRate: 1}, hostfault.Faults{}, nil, nil)
	if !a.MayLookUp() || a.MayLookUp() {
		t.Error("not one of two look-ups is allowed")
	}
	a.lookups.at -= int64(time.Second)
	if !a.MayLookUp() {
		t.Error("none is allowed a second later")
	}
	if a.Stats().Limited != 1 {
		t.Errorf("%d refusals are counted", a.Stats().Limited)
	}
}

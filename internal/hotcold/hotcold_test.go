package hotcold

import (
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// TestNothingEscapes tests the conditions under which Go's runtime can call this package without a
// P: according to the compiler it allocates nothing, it stores no pointers, and it imports nothing.
func TestNothingEscapes(t *testing.T) {
	cmd := exec.Command("go", "build", "-gcflags=-m", ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if text := string(out); !strings.Contains(text, "s does not escape") {
		t.Errorf("the compiler says nothing of escapes:\n%s", text)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "escapes to heap") || strings.Contains(line, "moved to heap") || strings.Contains(line, "leaking param") {
			t.Error(line)
		}
	}
	for i := range reflect.TypeFor[Split]().NumField() {
		f := reflect.TypeFor[Split]().Field(i)
		if k := f.Type.Kind(); k != reflect.Int && k != reflect.Int64 {
			t.Errorf("%s is a %s", f.Name, f.Type)
		}
	}
	out, err = exec.Command("go", "list", "-f", "{{.Imports}}", ".").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "[]" {
		t.Errorf("it imports %s, %v", got, err)
	}
}

const ms = int64(1e6)

// measured returns a Split for which a poll of n rows costs that much, at the time 0.
func measured(n int, cost int64) *Split {
	s := &Split{Bound: 50 * ms}
	for range Samples {
		if s.Decide(0, n, n, false) != PlanProbe {
			panic("it knows already")
		}
		s.Took(cost, n, true)
	}
	return s
}

func TestDecide(t *testing.T) {
	const now = 1000 * ms
	for _, test := range []struct {
		name  string
		n     int
		cost  int64
		hot   int
		busy  bool
		ready []int64 // moments
		at    int64
		want  Plan
	}{
		{"few rows", MinSplit - 1, 10 * Costly, 0, true, nil, now, PlanFull},
		{"cheap", 1000, Costly - 1000, 0, true, nil, now, PlanFull},
		{"cheap, and measured long ago", 1000, Costly - 1000, 0, true, nil, Stale + 1, PlanProbe},
		{"costly, without a burst", 1000, Costly, 0, false, []int64{now - 1, now}, now, PlanCool},
		{"costly, in a burst", 1000, Costly, 0, false, []int64{now - 2, now - 1, now}, now, PlanHot},
		{"costly, and busy", 1000, Costly, 0, true, nil, now, PlanHot},
		{"costly, after a silence", 1000, Costly, 0, false, []int64{now - 2, now - 1, now}, now + 101*ms, PlanCool},
		{"costly, and most are hot", 1000, Costly, 501, true, nil, now, PlanCool},
	} {
		s := measured(max(test.n, MinSplit), test.cost)
		for _, at := range test.ready {
			s.Ready(at)
		}
		if got := s.Decide(test.at, test.n, test.hot, test.busy); got != test.want {
			t.Errorf("%s: plan %d, want %d", test.name, got, test.want)
		}
	}
}

func TestBurstsOutliveOneSilence(t *testing.T) {
	s := measured(1000, Costly)
	at := int64(0)
	for range 100 {
		at += ms
		s.Ready(at)
	}
	for silences := 1; silences <= 2; silences++ {
		at += 1000 * ms
		s.Ready(at)
		if plan, want := s.Decide(at, 1000, 1, false), map[int]Plan{1: PlanHot, 2: PlanCool}[silences]; plan != want {
			t.Errorf("after %d silences: plan %d, want %d", silences, plan, want)
		}
	}
}

func TestMeasurements(t *testing.T) {
	s := measured(100, 1e6)
	s.Took(2e6, 100, false)
	if got := s.Cost(100); got != 1e6 {
		t.Errorf("after a poll that waited: %d", got)
	}
	s.Took(5e5, 100, false)
	if got := s.Cost(200); got != 1e6 {
		t.Errorf("of twice as many, after a cheaper one: %d", got)
	}
	s.Took(1, 0, true)
	s.Resize(100)
	s.Resize(199)
	if s.Decide(0, 199, 0, false) != PlanProbe { // the first Resize
		t.Error("the cost of 0 rows is taken for that of 100")
	}
	s = measured(100, 1e6)
	s.size = 100
	if s.Resize(199); s.Decide(0, 199, 0, false) == PlanProbe {
		t.Error("not yet twice as many, and measured again")
	}
	if s.Resize(200); s.Decide(0, 200, 0, false) != PlanProbe {
		t.Error("twice as many, and not measured again")
	}
	s = measured(100, 1e6)
	if s.Again(Stale) != PlanFull || s.Again(Stale+1) != PlanProbe || s.Again(Stale+2) != PlanFull {
		t.Error("what is old is not measured once")
	}
}

// TestSweepKeepsPace sweeps at irregular times, and checks that each slot is visited once in the
// time of a sweep.
func TestSweepKeepsPace(t *testing.T) {
	const slots = 1000
	s := &Split{Bound: 50 * ms, swept: 0}
	visits := make([]int, slots)
	whole := s.Bound - s.Quiet()
	for now := int64(0); now < whole; {
		now = min(now+137e3, whole)
		for range s.Steps(now, slots) {
			visits[s.Next(0, slots)]++
		}
	}
	for slot, n := range visits {
		if n != 1 {
			t.Fatalf("slot %d was visited %d times", slot, n)
		}
	}
	if n := s.Steps(whole+3600e9, slots); n != slots {
		t.Errorf("after an hour: %d steps", n)
	}
	for range 2 * slots {
		if slot := s.Next(1, slots); slot == 0 {
			t.Fatal("a slot before the first")
		}
	}

	// Expensive steps make a sweep longer, so that they take at most a part of the time.
	const costly = 100e3
	for range 100 {
		s.Stepped(64, 64*costly)
	}
	if n := s.Steps(whole+3600e9+whole, slots); n > whole/costly/sweepShare+1 {
		t.Errorf("%d steps of %d ns in %d ns", n, int64(costly), whole)
	}
	if Timed(minTimed-1) || !Timed(minTimed) {
		t.Error("few steps are timed, or many are not")
	}
}

func TestIdle(t *testing.T) {
	s := &Split{Bound: 50 * ms}
	if s.Idle(0, 95*ms) || !s.Idle(0, 95*ms+1) {
		t.Error("two sweeps are not 95 ms")
	}
}

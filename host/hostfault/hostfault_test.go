package hostfault_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	. "github.com/wasisock/wasisock/host/hostfault"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Faults{
		"seed=0": {},
		"seed=1,reset=0.01,delay=5ms@0.1,short=0.1": {Seed: 1, Reset: 0.01, Delay: 0.1, DelayTime: 5 * time.Millisecond, ShortRead: 0.1, ShortWrite: 0.1},
		"short-write=1,seed=18446744073709551615":   {Seed: math.MaxUint64, ShortWrite: 1},
		"seed=7,short-read=.5,eagain=1e-3,dns=0":    {Seed: 7, ShortRead: 0.5, Again: 0.001},
		"delay=1m30s@1,seed=2":                      {Seed: 2, Delay: 1, DelayTime: 90 * time.Second},
	} {
		got, err := Parse(text)
		if got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := Parse(got.String()); again.Any() && again != want || err != nil {
			t.Errorf("%s is written as %s, which is %+v, %v", text, got, again, err)
		}
		if err := got.Valid(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                         `fault "" has no value; write such as reset=0.01`,
		"reset":                    `fault "reset" has no value`,
		"reset=":                   `fault "reset=" has no value`,
		"reset=0.1,":               `fault "" has no value`,
		"rest=0.1":                 `there is no fault "rest"; there are seed, short-read, short-write, short (both), eagain, reset, delay and dns`,
		"short-=0.1":               `there is no fault "short-"`,
		" reset=0.1":               `there is no fault " reset"`,
		"reset=2":                  `fault "reset": "2" is not a probability; write a number from 0 to 1`,
		"reset=-0.1":               `"-0.1" is not a probability`,
		"reset=NaN":                `"NaN" is not a probability`,
		"reset=10%":                `"10%" is not a probability`,
		"reset=0.1,reset=0.2":      `fault "reset" comes twice`,
		"short=0.1,short-read=0.2": `leave out the one or the others`,
		"seed=-1":                  `"-1" is not a whole number from 0 to 2^64-1; write such as seed=1`,
		"seed=x":                   `write such as seed=1`,
		"delay=5ms":                `"5ms" is not a time and probability; write such as delay=5ms@0.1`,
		"delay=0.1":                `write such as delay=5ms@0.1`,
		"delay=5@0.1":              `write such as delay=5ms@0.1`,
		"delay=0s@0.1":             `write such as delay=5ms@0.1`,
		"delay=-1s@0.1":            `write such as delay=5ms@0.1`,
		"delay=5ms@":               `"" is not a probability`,
		"delay=5ms@1.1":            `"1.1" is not a probability`,
	} {
		if f, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || f != (Faults{}) {
			t.Errorf("%q: %+v, %v; want %s", text, f, err, want)
		}
	}
}

func TestWithoutASeedOneIsChosen(t *testing.T) {
	seeds := map[uint64]bool{}
	for range 10 {
		f, err := Parse("reset=0.5")
		if err != nil || f.Seed == 0 || f.Reset != 0.5 {
			t.Errorf("%+v, %v", f, err)
		}
		seeds[f.Seed] = true
	}
	if len(seeds) < 9 {
		t.Errorf("%d seeds of 10 differ", len(seeds))
	}
}

func TestFaultsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		faults Faults
		want   string
	}{
		{Faults{Reset: 1.5}, `the probability of the fault "reset" is 1.5; write a number from 0 to 1`},
		{Faults{ShortRead: -1}, `"short-read" is -1`},
		{Faults{DNS: math.NaN()}, `"dns" is NaN`},
		{Faults{Delay: 0.5}, "DelayTime of faults is 0s; write one above 0"},
		{Faults{DelayTime: -1}, "write one above 0"},
	} {
		if err := test.faults.Valid(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v; want %s", test.faults, err, test.want)
		}
		cmd := host.Cmd{Module: module{t}, Faults: test.faults}
		if err := cmd.Start(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("a Cmd starts with %+v: %v; want %s", test.faults, err, test.want)
		}
	}
}

// module is one that does not start.
type module struct{ t *testing.T }

func (m module) Start(context.Context, *host.Cmd) (host.Guest, error) {
	m.t.Error("a guest was started")
	return nil, errors.New("no")
}

func (module) Close() error { return nil }

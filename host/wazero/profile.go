package wazero

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/pprof/profile"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// A CPUProfile gathers where the guests of modules compute, a hundred times per second.
// Calls of the host do not count, and so neither does waiting. It is for one or several
// modules, and works while their guests run.
//
// Names are those of the module's name section, which Go leaves out with -ldflags=-s.
// Stacks are those of wasm: in Go's guests a goroutine that was continued has the frames
// that it has entered since.
type CPUProfile struct {
	began time.Time

	mu     sync.Mutex
	counts map[string]*sampled // by names
}

type sampled struct {
	stack []string // the innermost first
	count int64
}

const samplePeriod = 10 * time.Millisecond

// NewCPUProfile is one that has nothing yet.
func NewCPUProfile() *CPUProfile {
	return &CPUProfile{began: time.Now(), counts: map[string]*sampled{}}
}

// WriteTo writes what was gathered until now, as go tool pprof reads it.
func (p *CPUProfile) WriteTo(w io.Writer) (n int64, err error) {
	counter := &counter{w: w}
	err = p.profile().Write(counter)
	return counter.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (p *CPUProfile) profile() *profile.Profile {
	p.mu.Lock()
	defer p.mu.Unlock()
	cpu := &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}
	out := &profile.Profile{
		SampleType:    []*profile.ValueType{{Type: "samples", Unit: "count"}, cpu},
		PeriodType:    cpu,
		Period:        int64(samplePeriod),
		TimeNanos:     p.began.UnixNano(),
		DurationNanos: int64(time.Since(p.began)),
	}
	locations := map[string]*profile.Location{}
	for _, s := range p.counts {
		sample := &profile.Sample{Value: []int64{s.count, s.count * int64(samplePeriod)}}
		for _, name := range s.stack {
			l := locations[name]
			if l == nil {
				id := uint64(len(locations) + 1)
				f := &profile.Function{ID: id, Name: name, SystemName: name}
				l = &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
				locations[name] = l
				out.Function = append(out.Function, f)
				out.Location = append(out.Location, l)
			}
			sample.Location = append(sample.Location, l)
		}
		out.Sample = append(out.Sample, sample)
	}
	return out
}

func (p *CPUProfile) add(stack []string) {
	key := strings.Join(stack, "\n")
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts[key]
	if s == nil {
		s = &sampled{stack: stack}
		p.counts[key] = s
	}
	s.count++
}

// A sampler is a guest's. ticks are told by a goroutine; the guest takes a sample when it
// next enters a function after one.
type sampler struct {
	ticks atomic.Uint32
	taken uint32
	at    uint32   // the tick of left
	left  []string // the functions that have returned since, the innermost first
}

// run ticks until stop.
func (s *sampler) run() (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(samplePeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.ticks.Add(1)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// forget takes no sample for what has passed since the guest has left its code.
func (s *sampler) forget(ticks uint32) {
	if s.ticks.Load() != ticks {
		s.taken = s.ticks.Load()
	}
}

// listeners are told of every function that a guest enters and leaves.
type listeners struct {
	*CPUProfile
	names goNames
}

func (l *listeners) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener {
	return l
}

func (l *listeners) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64, frames experimental.StackIterator) {
	s := &guestOf(ctx).sampler
	ticks := s.ticks.Load()
	if ticks == s.taken {
		return
	}
	s.taken = ticks
	var stack []string
	if s.at == ticks {
		stack = append(stack, s.left...)
	}
	frames.Next() // the function that is entered has done nothing yet
	for frames.Next() {
		stack = append(stack, l.names.of(frames.Function().Definition()))
	}
	if len(stack) > 0 {
		l.add(stack)
	}
}

func (l *listeners) After(ctx context.Context, _ api.Module, f api.FunctionDefinition, _ []uint64) {
	s := &guestOf(ctx).sampler
	ticks := s.ticks.Load()
	if ticks == s.taken {
		return
	}
	if s.at != ticks {
		s.at, s.left = ticks, s.left[:0]
	}
	s.left = append(s.left, l.names.of(f))
}

func (l *listeners) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// goNames is Go's names by those of the module, in which the linker writes _ for all that
// is no letter. A program holds its functions' names besides, for its own use.
type goNames map[string]string

var noLetter = regexp.MustCompile(`[^\w.]`)

func goNamesOf(wasm []byte) goNames {
	const longest = 1000
	names := goNames{}
	for text := range bytes.SplitSeq(wasm, []byte{0}) {
		if len(text) < longest && bytes.IndexByte(text, '.') > 0 {
			name := string(text)
			if linked := noLetter.ReplaceAllString(name, "_"); linked != name {
				names[linked] = name
			}
		}
	}
	return names
}

func (n goNames) of(f api.FunctionDefinition) string {
	name := f.Name()
	if name == "" {
		name = f.DebugName()
	}
	if real := n[name]; real != "" {
		return real
	}
	return name
}

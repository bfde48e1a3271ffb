package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/pprof/profile"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/internal/pclntab"
	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/internal/wasm"
)

// A CPUProfile samples the code that guests run, a hundred times per second. Calls of the host
// do not count, so waiting does not either. It may be given to several modules, and read while
// their guests run.
//
// Stacks of guests built by Go are those of their goroutines, with inlined functions, files and
// lines, and go build -pgo takes the profile. Stacks of other guests are wasm's, with the names
// of the module's name section.
type CPUProfile struct {
	began time.Time

	mu     sync.Mutex
	counts map[string]*sampled // by places
	places map[place]uint64    // the number of each
}

type sampled struct {
	stack []uint64 // numbers of places, the innermost first
	count int64
}

// A place is where a guest is: at a call, or somewhere in a function that has called none
// since the last sample. pc is the address of the call or of the function if the module has a
// table, and else name is the function's.
type place struct {
	table *pclntab.Table
	pc    uint64
	name  string
	leaf  bool
}

func (p place) frames() []pclntab.Frame {
	if p.table == nil {
		return []pclntab.Frame{{Function: p.name}}
	}
	frames := p.table.Frames(p.pc)
	if p.leaf && len(frames) > 0 {
		frames = frames[len(frames)-1:] // none of what is inlined at its beginning
	}
	return frames
}

const samplePeriod = 10 * time.Millisecond

// NewCPUProfile returns an empty profile.
func NewCPUProfile() *CPUProfile {
	return &CPUProfile{began: time.Now(), counts: map[string]*sampled{}, places: map[place]uint64{}}
}

// WriteTo writes the samples so far in the format of go tool pprof.
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
	functions := map[profile.Function]*profile.Function{}
	out.Location = make([]*profile.Location, len(p.places))
	for place, number := range p.places {
		l := &profile.Location{ID: number + 1, Address: place.pc}
		for _, frame := range place.frames() {
			key := profile.Function{Name: frame.Function, SystemName: frame.Function, Filename: frame.File, StartLine: int64(frame.StartLine)}
			f := functions[key]
			if f == nil {
				f = &key
				functions[*f] = f
				out.Function = append(out.Function, f)
				f.ID = uint64(len(out.Function))
			}
			l.Line = append(l.Line, profile.Line{Function: f, Line: int64(frame.Line)})
		}
		out.Location[number] = l
	}
	for _, s := range p.counts {
		sample := &profile.Sample{Value: []int64{s.count, s.count * int64(samplePeriod)}}
		for _, number := range s.stack {
			sample.Location = append(sample.Location, out.Location[number])
		}
		out.Sample = append(out.Sample, sample)
	}
	return out
}

func (p *CPUProfile) add(stack []place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	numbers := make([]uint64, len(stack))
	var key []byte
	for i, place := range stack {
		n, ok := p.places[place]
		if !ok {
			n = uint64(len(p.places))
			p.places[place] = n
		}
		numbers[i] = n
		key = binary.AppendUvarint(key, n)
	}
	s := p.counts[string(key)]
	if s == nil {
		s = &sampled{stack: numbers}
		p.counts[string(key)] = s
	}
	s.count++
}

// A sampler is a guest's. ticks are told by a goroutine; the guest takes a sample when it
// next enters a function after one.
type sampler struct {
	ticks atomic.Uint32
	taken uint32
	at    uint32 // the tick of left
	left  []left // the functions that have returned since, the innermost first
}

// A left function has returned. call is where it was called, and 0 if that is not known.
type left struct {
	function place
	call     uint64
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
	names    goNames
	table    *pclntab.Table // nil without one, or without the export exportedSP
	imported uint32         // functions
}

// exportedSP is an export of Go's stack pointer, which modules get to be profiled.
const exportedSP = "wasisock.sp"

// exportSP exports the stack pointer of a module that Go has built.
func exportSP(m *wasm.Module) {
	if rewrite.MinorOfGo(m) < 0 || len(m.Globals) <= rewrite.GlobalSP || m.Globals[rewrite.GlobalSP] != wasm.I32 ||
		slices.ContainsFunc(m.Exports, func(e wasm.Export) bool { return e.Name == exportedSP }) {
		return
	}
	m.AddExport(wasm.Export{Name: exportedSP, Kind: wasm.ExternGlobal, Index: rewrite.GlobalSP})
}

func (l *listeners) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener {
	return l
}

// Before takes a sample. The function that is entered has done nothing yet.
func (l *listeners) Before(ctx context.Context, module api.Module, f api.FunctionDefinition, _ []uint64, frames experimental.StackIterator) {
	s := &guestOf(ctx).sampler
	ticks := s.ticks.Load()
	if ticks == s.taken || l.table != nil && !isGo(f) {
		return
	}
	s.taken = ticks
	if s.at != ticks {
		s.left = s.left[:0]
	}
	var stack []place
	for i, left := range s.left {
		p := left.function
		if i > 0 && s.left[i-1].call != 0 && l.table.SameFunction(p.pc, s.left[i-1].call) {
			p.pc, p.leaf = s.left[i-1].call, false
		}
		stack = append(stack, p)
	}
	if l.table == nil {
		frames.Next()
		for frames.Next() {
			stack = append(stack, place{name: l.names.of(frames.Function().Definition())})
		}
	} else if sp, ok := stackPointer(module); ok {
		for i, pc := range l.table.Stack(sp, module.Memory().ReadUint64Le) {
			if n := len(s.left); i == 0 && n > 0 && s.left[n-1].call != 0 && l.table.SameFunction(pc, s.left[n-1].call) {
				pc = s.left[n-1].call
			}
			stack = append(stack, place{table: l.table, pc: pc})
		}
	}
	if len(stack) > 0 {
		l.add(stack)
	}
}

func (l *listeners) After(ctx context.Context, module api.Module, f api.FunctionDefinition, results []uint64) {
	s := &guestOf(ctx).sampler
	ticks := s.ticks.Load()
	if ticks == s.taken {
		return
	}
	if s.at != ticks {
		s.at, s.left = ticks, s.left[:0]
	}
	if l.table == nil {
		s.left = append(s.left, left{function: place{name: l.names.of(f)}})
		return
	}
	// A function that has returned 1 goes on later. Old bodies come after all others.
	const returned = 0
	if !isGo(f) || uint32(results[0]) != returned {
		return
	}
	now := left{function: place{table: l.table, pc: pclntab.Entry(f.Index() - l.imported), leaf: true}}
	if sp, ok := stackPointer(module); ok {
		if pc, ok := module.Memory().ReadUint64Le(sp - 8); ok && pc > 0 {
			now.call = pc - 1
		}
	}
	if l.table.SameFunction(now.function.pc, now.function.pc) {
		s.left = append(s.left, now)
	}
}

func (l *listeners) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// isGo reports whether a function has the form of Go's, whose return address is on the stack.
func isGo(f api.FunctionDefinition) bool {
	params, results := f.ParamTypes(), f.ResultTypes()
	return len(params) == 1 && params[0] == api.ValueTypeI32 && len(results) == 1 && results[0] == api.ValueTypeI32
}

func stackPointer(module api.Module) (sp uint32, ok bool) {
	g := module.ExportedGlobal(exportedSP)
	if g == nil {
		return 0, false
	}
	return uint32(g.Get()), true
}

// goNames is Go's names by those of the module, in which the linker writes _ for all that
// is not a letter. A program holds its functions' names besides, for its own use.
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

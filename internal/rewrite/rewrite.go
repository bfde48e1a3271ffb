// Package rewrite gives functions of Go's wasm modules bodies in structured control flow.
//
// Go's compiler sends every branch inside a function through one br_table at its top, because a
// goroutine may go on in the middle. So for an engine, each block of a function may follow each
// other one, and it can keep no facts about values from one block to the next. A function gets a
// second body, which is entered at the top only:
//
//	if PC_B > top { return old(PC_B) }
//	straight code
//
// The old body becomes a function of its own after all others. It runs only for frames of
// goroutines that have stopped and go on, until these frames return. The runtime sees the same
// PCs, stack and results.
//
// A function whose form is unknown stays as it is. The package relies on the behaviour of Go's
// runtime in four places only: see resumed, passes, addresser and keepsStacks.
package rewrite

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wasisock/wasisock/internal/wasm"
)

// A Report counts what Module has done.
type Report struct {
	Functions  int            // number of functions that have code
	Structured int            // of these, with a new body
	Kept       int            // of Structured, with their old body too
	Framed     int            // with one value of SP, structured or straight
	Straight   int            // without a dispatcher before, and with shorter addresses
	Left       map[string]int // functions that stay as they are, by reason
}

// ErrRewritten is the error for a module that Module has made.
var ErrRewritten = errors.New("the module is rewritten already")

// Module returns a module with new bodies, and a report. The result of a valid module is valid.
// Module takes time and memory linear in the module's size. A module of another compiler stays as
// it is. The error is ErrRewritten for a module that is rewritten already, and another one for a
// damaged module.
func Module(data []byte) ([]byte, *Report, error) {
	m, err := wasm.Parse(data)
	if err != nil {
		return nil, nil, err
	}
	if MadeBy(m) != "" {
		return nil, nil, ErrRewritten
	}
	report := &Report{Functions: len(m.Bodies), Left: map[string]int{}}
	if MinorOfGo(m) < 0 || len(m.Globals) == 0 || m.Globals[GlobalSP] != wasm.I32 {
		report.Left[string(otherCompiler)] = len(m.Bodies)
		return data, report, nil
	}
	w := &rewriter{module: m, keepsStacks: keepsStacks(m)}
	w.prove()
	w.replace(w.bodies(), report)
	return m.Encode(), report, nil
}

// A rewriter rewrites a module.
type rewriter struct {
	module *wasm.Module
	may    []bool // functions that may return 0; see returning
	resume []bool // functions after whose calls a goroutine may go on; see resuming

	keepsStacks bool // SP is the same before and after a call
}

// prove sets may and resume.
func (w *rewriter) prove() {
	summaries := make([]summary, len(w.module.Bodies))
	w.each(func(s *scratch, i int) {
		if f, _ := s.lift(w.module, i); f != nil {
			summaries[i] = summarize(w.module, f)
		}
	})
	w.may, w.resume = returning(summaries), resuming(summaries)
}

// A result is a rewritten function, or the reason why it stays as it is.
type result struct {
	why  reason    // "" if it is rewritten
	body wasm.Body // the new body, without its guard
	// guard is around the new body. It calls the old body, whose index is not known before all
	// functions are rewritten, or traps if there is none.
	guard guard
	old   *wasm.Body

	framed bool // the new body has one value of SP
}

// A guard sends an entry that is not at the top elsewhere.
type guard struct {
	needed bool   // the function has a dispatcher
	top    uint32 // the last PC_B that enters the function at its top
}

// bodies returns the result of each function.
func (w *rewriter) bodies() []result {
	results := make([]result, len(w.module.Bodies))
	w.each(func(s *scratch, i int) { results[i] = w.body(s, i) })
	return results
}

// body rewrites a function.
func (w *rewriter) body(s *scratch, i int) result {
	f, why := s.lift(w.module, i)
	if f == nil {
		return result{why: why}
	}
	before := w.module.Bodies[i]
	a := &s.addresser
	a.module, a.zero, a.used = w.module, uint32(1+before.Declare), false
	resumed := f.resumed(w.module, w.resume)
	for n, code := range f.segments {
		code, ok := a.segment(code)
		if !ok {
			return result{why: operandsLeft}
		}
		f.segments[n] = leave(seal(w.module, code, w.may))
	}
	g, ok := newGraph(f)
	if !ok {
		return result{why: irreducible}
	}
	prologue := []instruction{made(wasm.OpGlobalGet, GlobalSP, 0), made(wasm.OpLocalSet, localSP, 0)}
	code, ok := structure(f, g, append(s.out[:0], prologue...))
	if !ok {
		return result{why: labelLost}
	}
	s.out = code
	r := result{body: before}
	shared := 0 // number of locals that both bodies have
	if a.used {
		shared++
	}
	locals := shared
	if w.keepsStacks {
		fr := &s.framer
		fr.base = a.zero + uint32(locals)
		var framed []instruction
		if framed, r.framed = fr.frame(code, s.framed); r.framed {
			s.framed, code = framed, framed
			locals++
		}
	}
	code = s.mover.move(w.module, code, w.may)
	s.check(w.module, i, code, nil, locals)
	r.body.Code = encode(code, nil, before.Code)
	r.body.AddLocals(locals, wasm.I32)
	if len(f.table) == 0 {
		return r
	}
	r.guard = guard{true, f.top()}
	f.reach(resumed)
	if !slices.Contains(resumed, true) {
		return r
	}
	code, labels := dispatch(f, resumed, append(s.out[:0], prologue...))
	s.out = code
	s.check(w.module, i, code, labels, shared)
	old := before
	old.Code = encode(code, labels, before.Code)
	old.AddLocals(shared, wasm.I32)
	r.old = &old
	return r
}

// replace puts the bodies into the module, and counts them.
func (w *rewriter) replace(results []result, report *Report) {
	m := w.module
	var old []uint32 // the functions whose old bodies come after all others
	for i, r := range results {
		if r.framed {
			report.Framed++
		}
		switch {
		case r.why != "":
			report.Left[string(r.why)]++
			continue
		case !r.guard.needed:
			report.Straight++
		default:
			report.Structured++
			elsewhere := []instruction{made(wasm.OpUnreachable, 0, 0)}
			if r.old != nil {
				report.Kept++
				number := uint32(m.Imported + len(results) + len(old))
				elsewhere = []instruction{made(wasm.OpLocalGet, localPC, 0), made(wasm.OpCall, number, 0)}
				old = append(old, uint32(m.Imported+i))
				m.Bodies = append(m.Bodies, *r.old)
			}
			r.body.Code = r.guard.around(r.body.Code, elsewhere)
		}
		m.Bodies[i] = r.body
	}
	replaceSections(m, old)
}

// around returns the code of a body that is entered at the top only, and of what is run on other
// entries:
//
//	block
//	  PC_B > top
//	  br_if 0
//	  body
//	  return
//	end
//	elsewhere
func (g guard) around(body []byte, elsewhere []instruction) []byte {
	begin := []instruction{made(wasm.OpBlock, 0, wasm.EmptyBlock), made(wasm.OpLocalGet, localPC, 0)}
	if g.top > 0 {
		begin = append(begin, made(wasm.OpI32Const, 0, int64(g.top)), made(wasm.OpI32GtU, 0, 0))
	}
	begin = append(begin, made(wasm.OpBrIf, 0, 0))
	end := made(wasm.OpEnd, 0, 0)
	after := slices.Concat([]instruction{made(wasm.OpReturn, 0, 0), end}, elsewhere, []instruction{end})
	return slices.Concat(encode(begin, nil, nil), body[:len(body)-1], encode(after, nil, nil))
}

// encode encodes code; labels are those of its br_table.
func encode(code []instruction, labels []uint32, source []byte) []byte {
	out := make([]byte, 0, 4*len(code))
	for i := range code {
		in := &code[i]
		out = in.appendTo(out, source)
		if in.op == wasm.OpBrTable && in.end == 0 {
			out = wasm.AppendUint32(out, uint32(len(labels)-1))
			for _, l := range labels {
				out = wasm.AppendUint32(out, l)
			}
		}
	}
	return out
}

// each calls work for each body, on all CPUs.
func (w *rewriter) each(work func(s *scratch, i int)) {
	const batch = 64
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			s := &scratch{}
			for {
				end := int(next.Add(batch))
				for i := end - batch; i < min(end, len(w.module.Bodies)); i++ {
					work(s, i)
				}
				if end >= len(w.module.Bodies) {
					return
				}
			}
		})
	}
	wait.Wait()
}

// A scratch has buffers that are reused from one function to the next.
type scratch struct {
	code, lifted, out, framed []instruction
	labels                    []uint32
	addresser                 addresser
	framer                    framer
	mover                     mover
}

// checked, if not nil, is called in tests with the result of each pass.
var checked func(m *wasm.Module, function int, code []instruction, labels []uint32, locals int)

func (s *scratch) check(m *wasm.Module, i int, code []instruction, labels []uint32, added int) {
	if checked != nil {
		checked(m, i, code, labels, 1+m.Bodies[i].Declare+added)
	}
}

// lift decodes and lifts a function. The result is valid until the next call.
func (s *scratch) lift(m *wasm.Module, i int) (*function, reason) {
	b := m.Bodies[i]
	if b.Declare == 0 || !isGo(m, uint32(m.Imported+i)) {
		return nil, otherType
	}
	var err error
	s.code, s.labels, err = decode(wasm.NewReader(b.Code, b.Offset), s.code[:0], s.labels[:0])
	if err != nil {
		return nil, otherInstruction
	}
	if cap(s.lifted) < len(s.code) {
		s.lifted = make([]instruction, 0, 2*len(s.code))
	}
	return lift(s.code, s.labels, s.lifted[:0])
}

package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// A Go function returns 0, or 1 if its goroutine stops and every caller must return as well. Many
// functions never return 0 when entered at the top: those that panic, and those that park, since a
// goroutine goes on by another call of the function, in the middle. The proof finds the functions
// that may return 0: those with a path to a return of 0 on which every call is of a function that
// may return 0 too. No other function can: consider the first call ever that contradicts this. On
// its path each earlier call returned 0, so those functions were found, and so was its own.

// An event is an effect of a segment on what a function returns.
type event struct {
	kind eventKind
	arg  uint32 // a segment or a function's body
}

type eventKind byte

const (
	eventGo     eventKind = iota // may go on at segment arg
	eventCall                    // goes on if function arg returns 0
	eventTail                    // may return the result of function arg
	eventReturn                  // may return 0
	eventStop                    // does not go on
)

// A summary has the events of all segments of a function.
type summary struct {
	events []event
	begin  []uint32 // index in events of each segment
	bare   []uint32 // the segments that may call deferreturn; see isBare
	// passes means that the function reads its return address, and has no frame: it may make the
	// goroutine go on there, as mcall does.
	passes bool
}

// callee returns the function whose result is the operand at the end of code, if Go's sequence
// calls it: i32.const 0, call, and perhaps SP is read again. function is the index of its body.
// call is the index of the end of the call.
func callee(m *wasm.Module, code []instruction) (function uint32, call int, ok bool) {
	n := len(code)
	if n >= 2 && code[n-2].is(wasm.OpGlobalGet, GlobalSP) && code[n-1].is(wasm.OpLocalSet, localSP) {
		n -= 2
	}
	if n < 2 || code[n-1].op != wasm.OpCall || code[n-2].op != wasm.OpI32Const || code[n-2].value != 0 {
		return 0, 0, false
	}
	f := code[n-1].index
	if f < uint32(m.Imported) || f >= uint32(len(m.Functions)) || !isGo(m, f) {
		return 0, 0, false
	}
	return f - uint32(m.Imported), n, true
}

// isGo reports whether a function has the type of Go's functions: it takes PC_B, and returns 1 if
// the caller must return at once.
func isGo(m *wasm.Module, function uint32) bool {
	t := m.TypeOf(function)
	return len(t.Params) == 1 && t.Params[0] == wasm.I32 && len(t.Results) == 1 && t.Results[0] == wasm.I32
}

// isNil reports whether code ends with a condition that is always true: the check of a pointer
// that is nil.
func isNil(code []instruction) bool {
	n := len(code)
	return n >= 2 && code[n-1].op == wasm.OpI64Eqz && code[n-2].op == wasm.OpI64Const && code[n-2].value == 0
}

// summarize returns the events of a function.
func summarize(m *wasm.Module, f *function) summary {
	s := summary{passes: passes(f)}
	for n, code := range f.segments {
		s.begin = append(s.begin, uint32(len(s.events)))
		stopped := false
		depth := 0
		always := false // inside an if at depth 1 that always runs
		for i := range code {
			in := &code[i]
			switch {
			case in.begins():
				if depth++; depth == 1 {
					always = in.op == wasm.OpIf && isNil(code[:i]) && plain(code[i+1:])
				}
			case in.op == wasm.OpEnd:
				depth--
			case in.op == opJump:
				s.add(eventGo, in.index)
			case in.op == wasm.OpReturn:
				s.returns(m, code[:i])
			case in.op == opExit && (depth == 0 || always && depth == 1):
				if isBare(code[:i+1]) {
					s.bare = append(s.bare, uint32(n))
				}
				if f, _, ok := callee(m, code[:i]); ok {
					s.add(eventCall, f)
				}
			}
			stopped = depth == 0 && in.leaves()
		}
		if !stopped && n+1 < len(f.segments) {
			s.add(eventGo, uint32(n+1))
		}
		s.add(eventStop, 0)
	}
	return s
}

// passes reports whether a function reads its return address, which is at SP before it makes a
// frame. Functions of Go code with a frame read it too, but only to report it.
func passes(f *function) bool {
	reads := false
	for _, code := range f.segments {
		for i := range code {
			rest := code[i:]
			if !rest[0].is(wasm.OpLocalGet, localSP) || len(rest) < 2 {
				continue
			}
			if rest[1].op == wasm.OpI64Load && rest[1].value == 0 {
				reads = true
			}
			if frame(rest) > 0 {
				return false
			}
		}
	}
	return reads
}

// frame returns the size of the frame that code makes at its beginning, or 0. A call makes room for
// its return address in the same way.
func frame(code []instruction) int64 {
	if len(code) < 5 || !code[0].is(wasm.OpLocalGet, localSP) || code[1].op != wasm.OpI32Const || code[2].op != wasm.OpI32Sub ||
		!code[3].is(wasm.OpLocalTee, localSP) || !code[4].is(wasm.OpGlobalSet, GlobalSP) {
		return 0
	}
	if len(code) >= 8 && code[5].is(wasm.OpLocalGet, localSP) && code[6].op == wasm.OpI64Const && code[7].op == wasm.OpI64Store {
		return 0
	}
	return code[1].value
}

// plain reports whether the code up to an end has no blocks and no else: it runs from its first
// instruction to its last, or leaves the function.
func plain(code []instruction) bool {
	for i := range code {
		switch in := &code[i]; {
		case in.op == wasm.OpEnd:
			return true
		case in.begins(), in.op == wasm.OpElse, in.op == wasm.OpBr, in.op == wasm.OpBrIf:
			return false
		}
	}
	return false
}

func (s *summary) add(kind eventKind, arg uint32) { s.events = append(s.events, event{kind, arg}) }

// returns adds the event of a return after code.
func (s *summary) returns(m *wasm.Module, code []instruction) {
	if n := len(code); n > 0 && code[n-1].op == wasm.OpI32Const && code[n-1].value != 0 {
		return
	}
	if f, _, ok := callee(m, code); ok {
		s.add(eventTail, f)
		return
	}
	s.add(eventReturn, 0)
}

// returning reports for each function whether it may return 0 when entered at the top. Functions
// without a summary may. It takes time linear in the number of events.
func returning(summaries []summary) []bool { return prove(summaries, false) }

// resuming reports for each function whether a goroutine may go on after calls of it: so it is for
// functions that return 0, also when they are entered where their own goroutine goes on, and for
// those that pass on their return address.
func resuming(summaries []summary) []bool { return prove(summaries, true) }

func prove(summaries []summary, resumed bool) []bool {
	p := prover{
		summaries: summaries,
		may:       make([]bool, len(summaries)),
		waiting:   make([][]point, len(summaries)),
		entered:   make([][]bool, len(summaries)),
	}
	for f, s := range summaries {
		p.entered[f] = make([]bool, len(s.begin))
		if len(s.begin) == 0 || resumed && s.passes {
			p.found(uint32(f))
		} else {
			p.enter(uint32(f), 0)
		}
		if resumed {
			for _, segment := range s.bare {
				p.enter(uint32(f), segment)
			}
		}
		p.run()
	}
	return p.may
}

// A prover follows the paths of functions.
type prover struct {
	summaries []summary
	may       []bool    // which functions may return 0
	waiting   [][]point // points to follow when a function is found to return 0
	entered   [][]bool  // the segments of each function that were reached
	work      []point
}

// A point is an event of a function. All earlier ones of its segment have been followed.
type point struct{ function, event uint32 }

// tail is the event of a point that waits for the result of a function.
const tail = ^uint32(0)

func (p *prover) enter(function, segment uint32) {
	if entered := p.entered[function]; !entered[segment] {
		entered[segment] = true
		p.work = append(p.work, point{function, p.summaries[function].begin[segment]})
	}
}

// found records that a function may return 0.
func (p *prover) found(function uint32) {
	if !p.may[function] {
		p.may[function] = true
		p.work = append(p.work, p.waiting[function]...)
		p.waiting[function] = nil
	}
}

func (p *prover) run() {
	for len(p.work) > 0 {
		at := p.work[len(p.work)-1]
		p.work = p.work[:len(p.work)-1]
		if at.event == tail {
			p.found(at.function)
			continue
		}
		p.follow(at)
	}
}

// follow follows a path up to the next call of a function that is not known to return 0.
func (p *prover) follow(at point) {
	for {
		e := p.summaries[at.function].events[at.event]
		at.event++
		switch e.kind {
		case eventGo:
			p.enter(at.function, e.arg)
		case eventReturn:
			p.found(at.function)
		case eventTail:
			if p.may[e.arg] {
				p.found(at.function)
			} else {
				p.waiting[e.arg] = append(p.waiting[e.arg], point{at.function, tail})
			}
		case eventCall:
			if !p.may[e.arg] {
				p.waiting[e.arg] = append(p.waiting[e.arg], at)
				return
			}
		case eventStop:
			return
		}
	}
}

// seal ends the paths of a segment at calls of functions that never return 0: the caller returns
// the result of the call. So nothing reads SP after the call.
func seal(m *wasm.Module, code []instruction, may []bool) []instruction {
	out := code[:0] // never longer than what has been read
	always := false // inside an if that always runs; see isNil
	depth := 0
	for i := 0; i < len(code); i++ {
		in := code[i]
		switch {
		case in.begins():
			if depth++; depth == 1 {
				always = in.op == wasm.OpIf && isNil(out) && plain(code[i+1:])
			}
		case in.op == wasm.OpEnd:
			depth--
		case in.op == opExit:
			f, call, ok := callee(m, out)
			if !ok || may[f] {
				break
			}
			out = append(out[:call], made(wasm.OpReturn, 0, 0))
			if depth == 1 && always {
				return append(out, made(wasm.OpEnd, 0, 0), made(wasm.OpUnreachable, 0, 0))
			}
			i = skip(code, i+1) - 1
			continue
		}
		out = append(out, in)
	}
	return out
}

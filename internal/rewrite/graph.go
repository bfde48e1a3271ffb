package rewrite

// A graph has an edge for each jump from a segment to another, and for each segment that continues
// in the next one.
type graph struct {
	order []int32 // the segments that are reachable from segment 0, in reverse postorder
	place []int32 // position of each segment in order; -1 if it is not reachable
	// idom is the immediate dominator of each segment: the nearest one that is on every path to it.
	idom []int32
	head []bool // a loop begins at the segment: it is reachable from itself
	// forward counts the edges to a segment from those before it in order.
	forward []int32
}

// successors calls yield for each edge from a segment.
func (f *function) successors(s int, yield func(t int)) {
	code := f.segments[s]
	for i := range code {
		if code[i].op == opJump {
			yield(int(code[i].index))
		}
	}
	if s+1 < len(f.segments) && falls(code) {
		yield(s + 1)
	}
}

// newGraph returns the graph of a function, and whether it is reducible: the first segment of each
// loop is on every path into the loop.
func newGraph(f *function) (*graph, bool) {
	n := len(f.segments)
	g := &graph{
		order:   make([]int32, 0, n),
		place:   make([]int32, n),
		idom:    make([]int32, n),
		head:    make([]bool, n),
		forward: make([]int32, n),
	}
	g.number(f)
	// Except for edges that go back in order, each edge comes from a segment whose idom is known.
	// In a reducible graph, the target of an edge that goes back dominates its source, so the edge
	// changes no dominator. That is checked afterwards.
	t := newTree(n)
	type edge struct{ from, to int32 }
	var back []edge
	begun := make([]bool, n)
	begun[0] = true
	for _, s := range g.order {
		if s != 0 {
			t.add(s, g.idom[s])
		}
		f.successors(int(s), func(to int) {
			switch {
			case g.place[to] <= g.place[s]:
				g.head[to] = true
				back = append(back, edge{s, int32(to)})
				return
			case begun[to]:
				g.idom[to] = t.common(g.idom[to], s)
			default:
				g.idom[to], begun[to] = s, true
			}
			g.forward[to]++
		})
	}
	for _, e := range back {
		if t.common(e.from, e.to) != e.to {
			return nil, false
		}
	}
	return g, true
}

// number sets order and place.
func (g *graph) number(f *function) {
	for i := range g.place {
		g.place[i] = -1
	}
	seen := make([]bool, len(g.place))
	var visit func(s int)
	visit = func(s int) {
		seen[s] = true
		f.successors(s, func(t int) {
			if !seen[t] {
				visit(t)
			}
		})
		g.order = append(g.order, int32(s))
	}
	visit(0)
	for i, j := 0, len(g.order)-1; i < j; i, j = i+1, j-1 {
		g.order[i], g.order[j] = g.order[j], g.order[i]
	}
	for i, s := range g.order {
		g.place[s] = int32(i)
	}
}

// A tree finds the nearest common ancestor of two of its nodes in logarithmic time: each node has
// a link to its parent and one to an ancestor far above. The root is 0.
type tree struct{ parent, far, depth []int32 }

func newTree(n int) *tree { return &tree{make([]int32, n), make([]int32, n), make([]int32, n)} }

// add puts a node below a parent.
func (t *tree) add(node, parent int32) {
	t.parent[node] = parent
	t.depth[node] = t.depth[parent] + 1
	f := t.far[parent]
	if t.depth[parent]-t.depth[f] == t.depth[f]-t.depth[t.far[f]] {
		t.far[node] = t.far[f]
	} else {
		t.far[node] = parent
	}
}

func (t *tree) common(a, b int32) int32 {
	if t.depth[a] < t.depth[b] {
		a, b = b, a
	}
	for t.depth[a] > t.depth[b] {
		if t.depth[t.far[a]] >= t.depth[b] {
			a = t.far[a]
		} else {
			a = t.parent[a]
		}
	}
	for a != b { // they have the same depth, and so have their far ancestors
		if t.far[a] != t.far[b] {
			a, b = t.far[a], t.far[b]
		} else {
			a, b = t.parent[a], t.parent[b]
		}
	}
	return a
}

// reach also marks the segments that are reachable from marked ones.
func (f *function) reach(marked []bool) {
	var work []int
	for s, m := range marked {
		if m {
			work = append(work, s)
		}
	}
	for len(work) > 0 {
		s := work[len(work)-1]
		work = work[:len(work)-1]
		f.successors(s, func(t int) {
			if !marked[t] {
				marked[t] = true
				work = append(work, t)
			}
		})
	}
}

// exits reports whether the segments have an exit.
func exits(segments [][]instruction) bool {
	for _, code := range segments {
		for i := range code {
			if code[i].op == opExit {
				return true
			}
		}
	}
	return false
}

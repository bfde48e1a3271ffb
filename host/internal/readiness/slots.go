//go:build linux || darwin

package readiness

// slots numbers what is watched, lowest number last freed first.
type slots struct {
	sockets []*Watched
	free    []int
}

func (s *slots) add(w *Watched) {
	if n := len(s.free); n > 0 {
		w.slot, s.free = s.free[n-1], s.free[:n-1]
		s.sockets[w.slot] = w
		return
	}
	w.slot = len(s.sockets)
	s.sockets = append(s.sockets, w)
}

func (s *slots) remove(w *Watched) {
	s.sockets[w.slot] = nil
	s.free = append(s.free, w.slot)
}

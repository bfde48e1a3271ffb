//go:build linux || darwin

package sockets

import "testing"

// FuzzTable compares the numbers that sockets get with those of a plain list.
func FuzzTable(f *testing.F) {
	f.Add([]byte{255, 255, 255, 3, 0, 255, 2, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var tab table
		open := map[uint32]*Socket{}
		want := uint32(FirstSocket) // no number below is free
		for _, b := range data[:min(len(data), 1000)] {
			if b >= 128 {
				for range b - 127 {
					for open[want] != nil {
						want++
					}
					s := new(Socket)
					if tab.add(s); s.number != want {
						t.Fatalf("number %d, want %d", s.number, want)
					}
					open[want] = s
				}
			} else if s := open[FirstSocket+uint32(b)]; s != nil {
				tab.remove(s)
				delete(open, s.number)
				want = min(want, s.number)
			}
		}
		for i := range uint32(1000) {
			if fd := FirstSocket + i; tab.get(fd) != open[fd] {
				t.Fatalf("%d is another", fd)
			}
		}
		if tab.open.Load() != int64(len(open)) {
			t.Fatalf("%d are open, want %d", tab.open.Load(), len(open))
		}
	})
}

//lint:file-ignore U1000 programs that are generated use it

package support

import "iter"

// A pair holds values of two types.
type pair[A, B any] struct {
	first  A
	second B
}

func (p pair[A, B]) swap() pair[B, A] { return pair[B, A]{p.second, p.first} }

func (p *pair[A, B]) set(first A, second B) { p.first, p.second = first, second }

// A stack is a slice with methods.
type stack[T any] struct{ items []T }

func (s *stack[T]) push(items ...T) {
	for _, item := range items {
		if len(s.items) < 24 {
			s.items = append(s.items, item)
		}
	}
}

func (s *stack[T]) pop() (item T, ok bool) {
	if len(s.items) == 0 {
		return item, false
	}
	last := len(s.items) - 1
	item, s.items = s.items[last], s.items[:last]
	return item, true
}

// down yields the indices and the items, the last one first.
func (s *stack[T]) down() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := len(s.items) - 1; i >= 0; i-- {
			if !yield(i, s.items[i]) {
				return
			}
		}
	}
}

// A list is a singly linked list.
type list[T any] struct {
	head *node[T]
	size int
}

type node[T any] struct {
	value T
	next  *node[T]
}

func (l *list[T]) add(value T) {
	if l.size < 24 {
		l.head = &node[T]{value, l.head}
		l.size++
	}
}

func (l *list[T]) reverse() {
	var head *node[T]
	for n := l.head; n != nil; {
		n.next, head, n = head, n, n.next
	}
	l.head = head
}

func (l *list[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for n := l.head; n != nil; n = n.next {
			if !yield(n.value) {
				return
			}
		}
	}
}

// A tree is a binary search tree.
type tree[K integer, V any] struct {
	root *branch[K, V]
	size int
}

type branch[K integer, V any] struct {
	key         K
	value       V
	left, right *branch[K, V]
}

func (t *tree[K, V]) put(key K, value V) {
	at := &t.root
	for *at != nil {
		switch b := *at; {
		case key < b.key:
			at = &b.left
		case key > b.key:
			at = &b.right
		default:
			b.value = value
			return
		}
	}
	if t.size < 24 {
		*at = &branch[K, V]{key: key, value: value}
		t.size++
	}
}

// each calls f for all keys in order.
func (t *tree[K, V]) each(f func(K, V)) { t.root.each(f) }

func (b *branch[K, V]) each(f func(K, V)) {
	if b != nil {
		b.left.each(f)
		f(b.key, b.value)
		b.right.each(f)
	}
}

// mapped returns the results of f for the items of s.
func mapped[T, U any](s []T, f func(T) U) []U {
	result := make([]U, 0, len(s))
	for _, item := range s {
		result = append(result, f(item))
	}
	return result
}

// reduced folds the items of s with f.
func reduced[T, U any](s []T, first U, f func(U, T) U) U {
	for _, item := range s {
		first = f(first, item)
	}
	return first
}

// sorted sorts s in place by insertion and returns it.
func sorted[T integer | float | ~string](s []T) []T {
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s
}

// upTo yields n numbers from first on.
func upTo[T integer](first T, n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := 0; i < n; i++ {
			if !yield(first + T(i)) {
				return
			}
		}
	}
}

// filtered yields what seq yields and keep accepts.
func filtered[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

// taken returns what seq yields, n values at most, with iter.Pull.
func taken[T any](seq iter.Seq[T], n int) (result []T) {
	next, stop := iter.Pull(seq)
	defer stop()
	for range n {
		v, ok := next()
		if !ok {
			break
		}
		result = append(result, v)
	}
	return result
}

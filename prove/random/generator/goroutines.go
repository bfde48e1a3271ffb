package generator

import "strings"

// goroutine returns the body of a function that runs at the same time as others. It
// uses nothing but its parameters, and does not panic.
func (b *body) goroutine(types []*typ, names []string) *body {
	inner := b.newBody(types, names)
	inner.isolated, inner.noReturn, inner.noCalls, inner.risk = true, true, true, 0
	inner.times, inner.limit = b.times, b.times*20
	return inner
}

// work returns up to n statements of a goroutine, which change variable x. Half of them
// are in a function that recovers from panics.
func (b *body) work(t *typ, n int) string {
	inner := b.goroutine([]*typ{t}, []string{"x"})
	recovers := b.percent(50)
	if recovers {
		inner.noCalls, inner.risk = false, 5
		inner.line("func() {\ndefer func() {\nif recover() != nil {\nx ^= %d\n}\n}()", b.n(100))
	}
	inner.scoped(func() { inner.statements(n) })
	if recovers {
		inner.line("}()")
	}
	b.cost += inner.cost
	return strings.TrimSpace(string(inner.text))
}

// A concurrency is a statement with goroutines. In it, $work is replaced by statements
// that change variable x, which is of type $t. The results must not depend on the order
// in which the goroutines run.
var concurrency = []string{
	// one result, or a panic
	`ch, failed := make(chan $t), make(chan any, 1)
	go func(x $t) {
		defer func() {
			failed <- recover()
			close(ch)
		}()
		$work
		if x $relation 0 {
			panic("in a goroutine")
		}
		ch <- x
	}($a)
	v, ok := <-ch
	c.add($site, uint64(v))
	c.bool($site, ok)
	c.recovered($site, <-failed)`,
	// workers that share a lock
	`var wg sync.WaitGroup
	var mu sync.$lock
	var total $t
	for i := range $n {
		wg.Add(1)
		go func(x $t) {
			defer wg.Done()
			$work
			runtime.Gosched()
			mu.Lock()
			defer mu.Unlock()
			total += x
		}(($a) + $t(i))
	}
	wg.Wait()
	c.add($site, uint64(total))`,
	// values that go to and fro
	`ping, pong := make(chan $t), make(chan $t)
	go func() {
		defer close(pong)
		for x := range ping {
			$work
			pong <- x $op $k
		}
	}()
	x := $t($a)
	for range $n {
		ping <- x
		x = <-pong + 1
		c.add($site, uint64(x))
	}
	close(ping)
	_, ok := <-pong
	c.bool($site, ok)`,
	// select with default
	`ch := make(chan $t, $m)
	var none chan $t
	for i := range $n {
		select {
		case ch <- ($a) + $t(i):
			c.add($site, 1)
		case v := <-none:
			c.add($site, uint64(v))
		default:
			x := $t($b)
			$work
			c.add($site, uint64(x))
		}
	}
	for {
		select {
		case v := <-ch:
			c.add($site, uint64(v))
			continue
		default:
		}
		break
	}
	c.add($site, uint64(len(ch) + cap(ch)))`,
	// select with several channels that are ready at the same time
	`in, out, done := make(chan $t, $n), make(chan $t), make(chan struct{})
	for i := range $n {
		in <- ($a) ^ $t(i)
	}
	close(in)
	go func(x $t) {
		for range $n {
			$work
			out <- x
		}
		close(done)
	}($b)
	var total $t
	for left := 2*$n + 2; left > 0; left-- {
		select {
		case v, ok := <-in:
			if !ok {
				in = nil
			}
			total += v
		case v := <-out:
			total += v
		case <-done:
			done = nil
		}
	}
	c.add($site, uint64(total))`,
	// goroutines in a row
	`in := make(chan $t)
	out := in
	for range $n {
		from, to := out, make(chan $t, $m)
		out = to
		go func() {
			defer close(to)
			for x := range from {
				$work
				to <- x
			}
		}()
	}
	first := $t($a)
	go func() {
		defer close(in)
		for i := range $n {
			in <- first + $t(i)
		}
	}()
	for v := range out {
		c.add($site, uint64(v))
	}`,
	// an atomic counter, a condition variable and sync.Once
	`var once sync.Once
	var mu sync.Mutex
	var sum atomic.Uint64
	left, first := $n, $t($a)
	cond := sync.NewCond(&mu)
	for i := range left {
		go func(x $t) {
			$work
			sum.Add(uint64(x))
			once.Do(func() { sum.Add($n) })
			mu.Lock()
			left--
			mu.Unlock()
			cond.Signal()
		}(first * $t(i))
	}
	mu.Lock()
	for left > 0 {
		cond.Wait()
	}
	mu.Unlock()
	c.add($site, sum.Load())`,
	// a stack that grows while another goroutine waits
	`ch, size := make(chan $t), int($x)&$mask
	go func(x $t) {
		var down func(n int, x $t) $t
		down = func(n int, x $t) $t {
			var pad [$pad]$t
			pad[uint(n)%$pad] = x
			if n == 0 {
				ch <- x
				return x
			}
			r := down(n-1, x $op $k)
			return r ^ pad[uint(n)%3] ^ x
		}
		ch <- down(size, x)
	}($a)
	c.add($site, uint64(<-ch))
	c.add($site, uint64(<-ch))`,
	// goroutines that wait at each depth of a recursion
	`resume, results := make([]chan $t, $n), make([]$t, $n)
	var wg sync.WaitGroup
	for i := range resume {
		resume[i] = make(chan $t)
		wg.Add(1)
		go func(x $t) {
			defer wg.Done()
			var down func(depth int, x $t) $t
			down = func(depth int, x $t) (result $t) {
				defer func() {
					if recover() != nil {
						result ^= x
					}
				}()
				for j := range 3 {
					x = x $op $k + $t(j)
					if depth == i {
						x ^= <-resume[i]
					}
				}
				$work
				if depth == 0 {
					if x $relation 0 {
						panic("at the bottom")
					}
					return x
				}
				return down(depth-1, x) - x
			}
			results[i] = down($n-1, x)
		}($a)
	}
	for range 3 {
		for i := range resume {
			resume[$n-1-i] <- $t(i)
		}
	}
	wg.Wait()
	for _, v := range results {
		c.add($site, uint64(v))
	}`,
	// runtime.Goexit, which runs the deferred calls
	`ch := make(chan $t, 3)
	go func(x $t) {
		defer close(ch)
		defer func() { ch <- x }()
		for range $n {
			if x $relation $k {
				runtime.Goexit()
			}
			$work
		}
		ch <- x
	}($a)
	for v := range ch {
		c.add($site, uint64(v))
	}`,
}

// goroutineStatement starts goroutines that send what they compute.
func (b *body) goroutineStatement() bool {
	if b.times > 16 || !b.affordable(100) {
		return false
	}
	b.cost += 60 * b.times
	t := b.integerType()
	template := pick(b.random, concurrency...)
	b.emit("{\n"+template+"\n}", "t", t, "work", b.work(t, b.between(1, 3)), "relation", b.relation(), "a", b.operand(t, 2), "b", b.operand(t, 2),
		"lock", pick(b.random, "Mutex", "RWMutex"), "op", pick(b.random, "+", "^", "-", "&", "&^"), "k", b.literal(t),
		"n", b.between(1, 5), "m", b.n(3), "x", b.scalar(), "mask", pick(b.random, 15, 63, 127), "pad", pick(b.random, 3, 40, 300))
	return true
}

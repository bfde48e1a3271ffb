package socket

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// settable sets each value and asks for it: want is the value that comes back, if another.
type settable[T bool | int | time.Duration | Linger | string] struct {
	option Option[T]
	values []T
	want   func(T) T
}

func (test settable[T]) run(t *testing.T, name string, s *Socket) {
	t.Helper()
	for _, v := range test.values {
		if err := test.option.Set(s, v); err != nil {
			t.Errorf("%s: set %v: %v", name, v, err)
			continue
		}
		want := v
		if test.want != nil {
			want = test.want(v)
		}
		if got, err := test.option.Get(s); err != nil || any(got) != any(want) {
			t.Errorf("%s: set %v, got %v, %v; want %v", name, v, got, err, want)
		}
	}
}

type runner interface {
	run(*testing.T, string, *Socket)
}

var onOff = []bool{true, false, true}

func double(n int) int { return 2 * n }

func seconds1(d time.Duration) time.Duration {
	return (d + time.Second - 1) / time.Second * time.Second
}

// tick is how Linux rounds timeouts: up to its clock's, at most 10 ms.
func tick(t *testing.T, name string, o Option[time.Duration], s *Socket) {
	for _, d := range []time.Duration{0, time.Second, 1500 * time.Millisecond, time.Hour, 1, time.Microsecond} {
		if err := o.Set(s, d); err != nil {
			t.Errorf("%s: set %v: %v", name, d, err)
		}
		got, err := o.Get(s)
		if err != nil || got < d || got > d+10*time.Millisecond || d == 0 && got != 0 {
			t.Errorf("%s: set %v, got %v, %v", name, d, got, err)
		}
	}
	is(t, name+" of less than 0", o.Set(s, -1), syscall.EINVAL)
}

func TestOptionsThatEveryHostHas(t *testing.T) {
	client, _ := pair(t, loopback4)
	udp, _ := packet(t, loopback4)
	for name, test := range map[string]runner{
		"ReuseAddr":       settable[bool]{ReuseAddr, onOff, nil},
		"DontRoute":       settable[bool]{DontRoute, onOff, nil},
		"Broadcast":       settable[bool]{Broadcast, onOff, nil},
		"KeepAlive":       settable[bool]{KeepAlive, onOff, nil},
		"OOBInline":       settable[bool]{OOBInline, onOff, nil},
		"SendBuffer":      settable[int]{SendBuffer, []int{8192, 16384}, double},
		"ReceiveBuffer":   settable[int]{ReceiveBuffer, []int{8192, 16384}, double},
		"ReceiveLowWater": settable[int]{ReceiveLowWater, []int{1, 10}, nil},
		"CloseLinger": settable[Linger]{CloseLinger,
			[]Linger{{true, 0}, {true, 5 * time.Second}, {true, 1}, {false, 0}},
			func(l Linger) Linger { return Linger{l.On, seconds1(l.Timeout)} }},
	} {
		test.run(t, name+" of TCP", &client.Socket)
		if name != "KeepAlive" && name != "ReceiveLowWater" {
			test.run(t, name+" of UDP", &udp.Socket)
		}
	}
	tick(t, "ReceiveTimeout", ReceiveTimeout, &client.Socket)
	tick(t, "SendTimeout", SendTimeout, &udp.Socket)
}

func TestOptionsThatMayOnlyBeRead(t *testing.T) {
	l, _ := listen(t, loopback4)
	client, _ := pair(t, loopback4)
	udp, _ := packet(t, loopback4)
	for _, test := range []struct {
		name   string
		option Option[int]
		socket *Socket
		want   int
	}{
		{"Type of TCP", Type, &client.Socket, sockabi.SOCK_STREAM},
		{"Type of a listener", Type, &l.Socket, sockabi.SOCK_STREAM},
		{"Type of UDP", Type, &udp.Socket, sockabi.SOCK_DGRAM},
		{"Error", Error, &client.Socket, 0},
	} {
		if got, err := test.option.Get(test.socket); got != test.want || err != nil {
			t.Errorf("%s: %d, %v; want %d", test.name, got, err, test.want)
		}
		is(t, test.name, test.option.Set(test.socket, 1), syscall.ENOPROTOOPT)
	}
	for s, want := range map[*Socket]bool{&l.Socket: true, &client.Socket: false, &udp.Socket: false} {
		if got, err := AcceptConn.Get(s); got != want || err != nil {
			t.Errorf("AcceptConn: %v, %v; want %v", got, err, want)
		}
		is(t, "AcceptConn", AcceptConn.Set(s, true), syscall.ENOPROTOOPT)
	}
}

func TestValuesThatTheABICannotCarry(t *testing.T) {
	c, _ := pair(t, loopback4)
	s := &c.Socket
	before := must(SendBuffer.Get(s))(t)
	for name, err := range map[string]error{
		"an int of 33 bits":         SendBuffer.Set(s, 1<<32+8192),
		"an int below 32 bits":      SendBuffer.Set(s, -1<<31-1),
		"a negative Linger":         CloseLinger.Set(s, Linger{true, -1}),
		"a Linger that is too long": CloseLinger.Set(s, Linger{true, 1 << 62}),
		"a device's name too long":  BindToDevice.Set(s, strings.Repeat("x", maxDevice)),
		"a device's name of NULs":   BindToDevice.Set(s, "l\x00o"),
	} {
		is(t, name, err, syscall.EINVAL)
	}
	if got := must(SendBuffer.Get(s))(t); got != before {
		t.Errorf("SendBuffer is %d, was %d", got, before)
	}
}

func TestASocketConfinedToADevice(t *testing.T) {
	c, _ := packet(t, loopback4)
	if got, err := BindToDevice.Get(&c.Socket); got != "" || err != nil {
		t.Fatalf("BindToDevice: %q, %v", got, err)
	}
	err := BindToDevice.Set(&c.Socket, "lo")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip(err)
	}
	is(t, "Set", err, nil)
	if got, err := BindToDevice.Get(&c.Socket); got != "lo" || err != nil {
		t.Errorf("BindToDevice: %q, %v", got, err)
	}
	is(t, "Set to a device that is not there", BindToDevice.Set(&c.Socket, "nosuch0"), syscall.ENODEV)
	is(t, "Set to none", BindToDevice.Set(&c.Socket, ""), nil)
	if got, err := BindToDevice.Get(&c.Socket); got != "" || err != nil {
		t.Errorf("BindToDevice: %q, %v", got, err)
	}
}

func TestOptionsOfWasisocksHost(t *testing.T) {
	tcp, _ := pair(t, loopback4)
	udp, _ := packet(t, loopback4)
	if _, err := PortOrder.Get(&udp.Socket); err != nil {
		is(t, "PortOrder", err, syscall.EINVAL)
		drop := func(_ any, err error) error { return err }
		for name, err := range map[string]error{
			"ReusePort":         drop(ReusePort.Get(&tcp.Socket)),
			"NoDelay":           drop(NoDelay.Get(&tcp.Socket)),
			"V6Only":            drop(V6Only.Get(&tcp.Socket)),
			"KeepAliveIdle":     drop(KeepAliveIdle.Get(&tcp.Socket)),
			"KeepAliveInterval": drop(KeepAliveInterval.Get(&tcp.Socket)),
			"KeepAliveCount":    drop(KeepAliveCount.Get(&tcp.Socket)),
			"set ReusePort":     ReusePort.Set(&tcp.Socket, true),
			"set NoDelay":       NoDelay.Set(&tcp.Socket, true),
			"set KeepAliveIdle": KeepAliveIdle.Set(&tcp.Socket, time.Minute),
			"set PortOrder":     PortOrder.Set(&tcp.Socket, 1),
		} {
			is(t, name+" where there is none", err, syscall.EINVAL)
		}
		return
	}
	for name, test := range map[string]runner{
		"NoDelay":           settable[bool]{NoDelay, onOff, nil},
		"KeepAliveIdle":     settable[time.Duration]{KeepAliveIdle, []time.Duration{time.Minute, 1}, seconds1},
		"KeepAliveInterval": settable[time.Duration]{KeepAliveInterval, []time.Duration{time.Minute, 1}, seconds1},
		"KeepAliveCount":    settable[int]{KeepAliveCount, []int{1, 9}, nil},
	} {
		test.run(t, name, &tcp.Socket)
	}
	settable[bool]{ReusePort, onOff, nil}.run(t, "ReusePort", &udp.Socket)
	is(t, "setting PortOrder", PortOrder.Set(&udp.Socket, 1), syscall.ENOPROTOOPT)

	one := must(Listen(loopback4, 1, ReusePort.With(true)))(t)
	defer one.Close()
	two := must(Listen(must(one.LocalAddr())(t), 1, ReusePort.With(true)))(t)
	two.Close()

	needs(t, loopback6)
	only := must(Listen(loopback6, 1, V6Only.With(true)))(t)
	defer only.Close()
	if on, err := V6Only.Get(&only.Socket); !on || err != nil {
		t.Errorf("V6Only: %v, %v", on, err)
	}
}

package poll

import (
	"math/bits"
	"os"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// signalUserdata marks the subscription to signals: no slot has this number.
const signalUserdata = 1<<64 - 2

// signals is which signals Wait reports.
type signals struct {
	row     sockabi.Subscription
	on      bool
	token   Token
	arrived uint64 // 1<<number of each that must be reported
}

// Notify makes Wait report signals: as an [Event] of token whose Signal is set, also while it
// waits. They then no longer stop the guest. sigs replaces the signals of an earlier call;
// without any, none is reported. The numbers are WASI's, as package syscall has them on wasip1,
// and a signal that arrives several times before Wait is reported once.
//
// It fails with errors.ErrUnsupported (ENOSYS) on a host without signals, such as the program
// wasmedge, and with EINVAL for an unknown signal.
//
// The host keeps one set of signals for the whole module. In a program of wasisock build Go's
// poller sets it to that of os/signal, so use os/signal there.
func (p *Poll) Notify(token Token, sigs ...syscall.Signal) error {
	var set uint64
	for _, s := range sigs {
		if s <= 0 || s > sockabi.MaxSignal {
			return os.NewSyscallError("poll_oneoff", syscall.EINVAL)
		}
		set |= 1 << s
	}
	p.init()
	s := &p.signals
	s.row = sockabi.Subscription{Userdata: signalUserdata, Tag: sockabi.EVENTTYPE_SIGNAL, Timeout: set}
	s.token, s.on, s.arrived = token, true, s.arrived&set
	p.now = p.sys.now()
	if _, err := p.settle(&p.none, p.now); err != nil {
		s.on = false
		return err
	}
	if !s.on {
		return failure("poll_oneoff", sockabi.ENOSYS)
	}
	s.on = set != 0
	return nil
}

// signalled notes what the event of the subscription to signals says.
func (p *Poll) signalled(event *sockabi.Event) {
	s := &p.signals
	switch event.Errno {
	case 0:
		s.arrived |= event.NBytes & s.row.Timeout
	case sockabi.EINVAL:
		s.on = false
	}
}

// deliver moves signals that have arrived to events.
func (s *signals) deliver(events []Event) (n int) {
	for ; n < len(events) && s.arrived != 0; n++ {
		number := bits.TrailingZeros64(s.arrived)
		s.arrived &^= 1 << number
		events[n] = Event{Token: s.token, Signal: syscall.Signal(number)}
	}
	return n
}

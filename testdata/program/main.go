// Command program does what the sentences of package host/hosttest ask for by name.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

var subcommands = map[string]func(args []string){
	"args": func([]string) { fmt.Printf("%q\n", os.Args) },
	"env": func([]string) {
		env := os.Environ()
		slices.Sort(env)
		fmt.Printf("%q\n", env)
	},
	"exit": func(args []string) {
		var code int
		fmt.Sscan(args[0], &code)
		os.Exit(code)
	},
	"both":  func([]string) { fmt.Print("out"); fmt.Fprint(os.Stderr, "err") },
	"panic": func([]string) { panic("the guest's own") },
	"stdin": func([]string) {
		all, err := io.ReadAll(os.Stdin)
		fmt.Printf("%q %v\n", all, err)
	},
	"poll stdin":  pollStdin,
	"sleep":       func([]string) { ready(); time.Sleep(time.Hour) },
	"signal":      func([]string) { signalled() },
	"signal poll": func([]string) { signalledPoll() },
	"spin":        func([]string) { ready(); spin() },
	"clock":       func([]string) { ready(); readClock() },
	"read":        func([]string) { ready(); os.Stdin.Read(make([]byte, 1)) },
	"read file":   readFile,
	"read block":  func([]string) { syscall.SetNonblock(0, false); ready(); syscall.Read(0, make([]byte, 1)) },
	"print":       func([]string) { ready(); printForever() },
	"accept":      func(args []string) { accept(false, args) },
	"poll":        func(args []string) { accept(true, args) },
	"echo":        func([]string) { echo() },
	"alive":       alive,
	"flags":       func([]string) { flags() },
	"files":       files,
	"nameservers": nameservers,
	"swap":        swap,
	"race":        race,
	"dial":        dial,
	"listen":      listen,
	"lookup":      lookup,
	"ask":         ask,
	"crowd":       func([]string) { crowd() },
	"preopened":   preopened,
	"grow":        grow,
	"work":        func([]string) { work() },
	"busy":        func([]string) { busy() },
	"hot":         func([]string) { hot() },
	"deep": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		fmt.Println(deep(n))
	},
}

func main() {
	do, ok := subcommands[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "guest: there is no %q\n", os.Args[1])
		os.Exit(99)
	}
	do(os.Args[2:])
}

// ready reports to the test that the guest is about to do what it is asked for.
func ready() { fmt.Fprintln(os.Stderr, "ready") }

func spin() {
	for {
	}
}

func readClock() {
	for {
		time.Now()
	}
}

func printForever() {
	line := []byte(strings.Repeat("x", 10_000) + "\n")
	for {
		os.Stdout.Write(line)
	}
}

var loopback = socket.Addr{AddrPort: netip.MustParseAddrPort("127.0.0.1:0")}

// accept waits for a connection that never comes, perhaps at an address.
func accept(polling bool, args []string) {
	at := loopback
	if len(args) > 0 {
		at.AddrPort = netip.MustParseAddrPort(args[0])
	}
	l, err := socket.Listen(at, 1)
	check(err)
	ready()
	if polling {
		var p poll.Poll
		check(p.Register(l.FD(), 1, poll.Readable))
		p.Wait(make([]poll.Event, 1), -1)
		return
	}
	check(syscall.SetNonblock(l.FD(), false))
	l.Accept()
}

// echo sends one connection what it receives, until its end.
func echo() {
	l, err := socket.Listen(loopback, 1)
	check(err)
	check(syscall.SetNonblock(l.FD(), false))
	c, err := l.Accept()
	check(err)
	check(syscall.SetNonblock(c.FD(), false))
	buf := make([]byte, 1<<10)
	for {
		n, err := c.Read(buf)
		if err == io.EOF {
			return
		}
		check(err)
		_, err = c.Write(buf[:n])
		check(err)
	}
}

// alive prints more than a pipe holds, while something else goes on.
func alive(args []string) {
	go func() {
		time.Sleep(50 * time.Millisecond)
		ready()
	}()
	_, err := os.Stdout.Write(make([]byte, 1<<20))
	check(err)
}

// flags prints the flags that descriptors 0 to 2 have for the guest.
func flags() {
	for fd := range 3 {
		var stat [24]byte
		if errno := fdstat(int32(fd), &stat); errno != 0 {
			fmt.Println(fd, syscall.Errno(errno))
		} else {
			fmt.Println(fd, "nonblock", stat[2]&4 != 0)
		}
	}
	check(syscall.Close(0))
	var stat [24]byte
	fmt.Println("closed:", syscall.Errno(fdstat(0, &stat)))
}

// dial begins to connect to each address.
func dial(args []string) {
	for _, at := range args {
		_, err := socket.Dial(socket.Addr{AddrPort: netip.MustParseAddrPort(at)})
		if errors.Is(err, fs.ErrPermission) {
			fmt.Println("refused")
		} else {
			fmt.Println(err)
		}
	}
}

// listen listens at each address, and keeps what it has until the end.
func listen(args []string) {
	for _, at := range args {
		_, err := socket.Listen(socket.Addr{AddrPort: netip.MustParseAddrPort(at)}, 1)
		if errors.Is(err, fs.ErrPermission) {
			fmt.Println("refused")
		} else {
			fmt.Println(err)
		}
	}
}

// crowd listens, for three connections of its own and two that it may have at once.
func crowd() {
	l, err := socket.Listen(loopback, 10)
	check(err)
	at, err := l.LocalAddr()
	check(err)
	var p poll.Poll
	check(p.Register(l.FD(), 1, poll.Readable))
	ready := func(timeout time.Duration) bool {
		n, err := p.Wait(make([]poll.Event, 1), timeout)
		check(err)
		return n > 0
	}
	for range 3 {
		_, err := socket.Dial(at)
		check(err)
	}
	var first *socket.Conn
	for range 2 {
		fmt.Print(ready(time.Minute), " ")
		c, err := l.Accept()
		check(err)
		if first == nil {
			first = c
		}
	}
	_, err = l.Accept()
	fmt.Print(errors.Is(err, syscall.EAGAIN), " ", ready(50*time.Millisecond))
	check(first.Close())
	fmt.Print(" ", ready(time.Minute))
	_, err = l.Accept()
	fmt.Println("", err)
}

// preopened serves a connection of each listener that it has from the beginning, and reads
// the files that it is told.
func preopened(args []string) {
	var n int
	fmt.Sscan(os.Getenv("LISTEN_FDS"), &n)
	fmt.Println(n, os.Getenv("LISTEN_PID") == fmt.Sprint(os.Getpid()))
	for fd := 3; fd < 3+n; fd++ {
		var opened int32
		name := "file"
		fmt.Println(syscall.Errno(pathOpen(int32(fd), 0, unsafe.StringData(name), uint32(len(name)), 0, 0, 0, 0, &opened)))
		check(syscall.SetNonblock(fd, true))
		_, _, err := syscall.Accept(fd)
		fmt.Println(err)
		ready()
		check(syscall.SetNonblock(fd, false))
		c, _, err := syscall.Accept(fd)
		check(err)
		_, err = syscall.Write(c, []byte("hello"))
		check(err)
		check(syscall.Close(c))
	}
	files(args)
	fmt.Println(syscall.Close(3), syscall.Close(3), syscall.Errno(fdstat(3, new([24]byte))))
}

// lookup looks up each name, and dials its addresses if it has a port.
func lookup(args []string) {
	for _, arg := range args {
		name, port, dialled := strings.Cut(arg, ":")
		addrs, err := socket.Lookup(name)
		switch {
		case errors.Is(err, fs.ErrPermission):
			fmt.Println(name, "refused")
		case err != nil:
			fmt.Println(name, err)
		}
		for _, addr := range addrs {
			if fmt.Println(name, addr); dialled {
				dial([]string{addr.String() + ":" + port}) // IPv4 alone
			}
		}
	}
}

// ask sends a question in hexadecimal to a nameserver, waits for the answer, and dials.
func ask(args []string) {
	c, err := socket.DialPacket(socket.Addr{AddrPort: netip.MustParseAddrPort(args[0])})
	check(err)
	question, err := hex.DecodeString(args[1])
	check(err)
	_, err = c.Write(question)
	check(err)
	answer := make([]byte, 512)
	for {
		n, err := c.Read(answer)
		if errors.Is(err, syscall.EAGAIN) {
			time.Sleep(time.Millisecond)
			continue
		}
		check(err)
		fmt.Println(n, "bytes")
		break
	}
	dial(args[2:])
}

// nameservers connects as many sockets to the host's nameserver as it can, closes them, and
// does so again.
func nameservers([]string) {
	at := socket.Addr{AddrPort: netip.MustParseAddrPort("169.254.1.53:53")}
	for range 2 {
		var all []*socket.PacketConn
		for {
			c, err := socket.DialPacket(at)
			if err != nil {
				fmt.Println(len(all), err)
				break
			}
			all = append(all, c)
		}
		for _, c := range all {
			check(c.Close())
		}
		time.Sleep(100 * time.Millisecond) // for the host to notice
	}
}

// work is a short life with a bit of everything.
func work() {
	l, err := socket.Listen(loopback, 10)
	check(err)
	at, err := l.LocalAddr()
	check(err)
	for range 20 { // left open, for the host to close
		_, err := socket.Dial(at)
		check(err)
	}
	big := make([]byte, 8<<20)
	for i := range big {
		big[i] = byte(i)
	}
	time.Sleep(time.Millisecond)
	fmt.Println("worked")
}

// busy opens and closes a socket without end.
func busy() {
	ready()
	for {
		l, err := socket.Listen(loopback, 1)
		check(err)
		check(l.Close())
	}
}

type oven struct{ heat uint64 }

//go:noinline
func (o *oven) bake(rounds int) {
	for range rounds {
		o.heat = o.heat*6364136223846793005 + 1
	}
}

// hot computes in one place, and then waits for about as long, again and again.
func hot() {
	var o oven
	for range 500 {
		o.bake(1 << 20)
		time.Now()
	}
	for range 60 {
		time.Sleep(10 * time.Millisecond)
	}
}

// grow takes memory, a megabyte at a time, until there is none.
func grow(args []string) {
	var all [][]byte
	for {
		mb := make([]byte, 1<<20)
		for i := range mb {
			mb[i] = 1
		}
		all = append(all, mb)
		if len(all) == 16 {
			fmt.Println("16 MB")
		}
	}
}

func check(err error) {
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(98)
	}
}

// deep calls itself n times.
//
//go:noinline
func deep(n int) int {
	if n == 0 {
		return 0
	}
	return deep(n-1) + 1
}

//go:build linux || darwin

package wazero_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wazero"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// built returns a guest, from a package of this repository.
func built(dir string, flags ...string) []byte {
	file, err := guestbuild.File(dir, flags...)
	if err != nil {
		log.Fatal(err)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return wasm
}

// A guest serves at a port that the system chooses, is asked something, and ends.
func Example() {
	ctx := context.Background()
	module, err := wazero.Compile(ctx, built("../../guest/server"), wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	cmd := host.Command(module, "server", "-addr", "127.0.0.1:0")
	cmd.Policy, _ = host.ParsePolicy("listen tcp 127.0.0.1:*")
	listens := make(chan net.Addr, 1)
	cmd.OnListen = func(a net.Addr) { listens <- a }
	if err := cmd.Start(ctx); err != nil {
		log.Fatal(err)
	}
	response, err := http.Post("http://"+(<-listens).String(), "text/plain", strings.NewReader("hello"))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Printf("%s\n", body)

	cmd.Shutdown(ctx)
	fmt.Println(cmd.Wait(), cmd.ProcessState.Accepted)
	// Output:
	// echo: hello
	// <nil> 1
}

// A guest may use no network but what its policy allows.
func Example_policy() {
	ctx := context.Background()
	module, err := wazero.Compile(ctx, built("../../testdata/program"), wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	cmd := host.Command(module, "guest", "dial", "127.0.0.1:25")
	cmd.Policy = func(r host.Request) error {
		fmt.Println("asked for", r.Op, r.Network, r.Addr)
		return errors.New("not today")
	}
	cmd.Stdout = os.Stdout
	fmt.Println(cmd.Run(ctx), cmd.ProcessState.Refused)
	// Output:
	// asked for dial tcp 127.0.0.1:25
	// refused
	// <nil> 1
}

// A guest's connections are made by the program that runs it: here to a test server,
// whatever address the guest has dialled.
func Example_dial() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asked", r.Host, "for", r.URL)
	}))
	defer server.Close()
	ctx := context.Background()
	module, err := wazero.Compile(ctx, built("../../guest/client"), wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	cmd := host.Command(module, "client", "http://192.0.2.1/")
	cmd.Policy, _ = host.ParsePolicy("dial tcp 192.0.2.0/24:80")
	cmd.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		fmt.Println("dialling", network, address)
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	fmt.Println(cmd.Run(ctx))
	// Output:
	// dialling tcp 192.0.2.1:80
	// asked 192.0.2.1 for /
	// <nil>
}

// A pipe is a listener in memory.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error   { close(p); return nil }
func (p pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p pipe) Dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours, nil
}

// A guest serves without a socket of the operating system.
func Example_listener() {
	ctx := context.Background()
	module, err := wazero.Compile(ctx, built("../../guest/server"), wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	listener := make(pipe)
	defer listener.Close()
	cmd := host.Command(module, "server", "-addr", "127.0.0.1:80")
	cmd.Listeners = []net.Listener{host.Published{Listener: listener, Port: 80}}
	if err := cmd.Start(ctx); err != nil {
		log.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: listener.Dial}}
	response, err := client.Post("http://guest", "text/plain", strings.NewReader("hello"))
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	fmt.Printf("%s\n", body)

	cmd.Shutdown(ctx)
	fmt.Println(cmd.Wait())
	// Output:
	// echo: hello
	// <nil>
}

// A library's functions are called, here half of the guest's:
//
//	//go:wasmexport half
//	func half(f float64) float64 { return f / 2 }
func Example_library() {
	ctx := context.Background()
	wasm := built("../../testdata/library", "-buildmode=c-shared")
	module, err := wazero.Compile(ctx, wasm, wazero.Config{Library: true})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	cmd := host.Command(module)
	if err := cmd.Start(ctx); err != nil {
		log.Fatal(err)
	}
	results, err := cmd.Call(ctx, "half", math.Float64bits(5))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(math.Float64frombits(results[0]))

	cmd.Stop()
	fmt.Println(cmd.Wait())
	// Output:
	// 2.5
	// the guest was stopped
}

// The end of a guest is reported as package os/exec reports that of a program.
func Example_exitCode() {
	ctx := context.Background()
	module, err := wazero.Compile(ctx, built("../../testdata/program"), wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	err = host.Command(module, "guest", "exit", "3").Run(ctx)
	var exit *host.ExitError
	if errors.As(err, &exit) {
		fmt.Println(exit.ExitCode, err)
	}
	// Output: 3 exit status 3
}

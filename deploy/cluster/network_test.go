//go:build linux

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A network connects network namespaces by a bridge, which is in that of the control plane.
type network struct {
	t       *testing.T
	control host
}

// The addresses: the control plane has hosts 1, node n has hosts 10 + n, and its pods are in pods(n).
const controlAddress = "10.99.0.1"

func nodeAddress(n int) string { return fmt.Sprintf("10.99.0.%d", 10+n) }
func pods(n int) string        { return fmt.Sprintf("10.244.%d.0/24", n) }

// clusterCIDR has the addresses of all pods.
const clusterCIDR = "10.244.0.0/16"

// namespace returns the name of a network namespace of this process.
func namespace(name string) string { return fmt.Sprintf("wasisock-%d-%s", os.Getpid(), name) }

// enterNetwork returns the command that enters a network namespace.
func enterNetwork(name string) []string {
	return []string{"nsenter", "--net=/run/netns/" + namespace(name), "--"}
}

// newNetwork makes the namespaces of a control plane and of nodes 1 to n.
func newNetwork(t *testing.T, nodes int) *network {
	t.Helper()
	w := &network{t: t, control: host{enter: enterNetwork("control"), address: controlAddress}}
	w.add("control")
	// A bridge without an address of its own takes the lowest of its ports, and so changes it.
	w.ip("control", "link add bridge address 02:00:00:00:00:01 type bridge")
	w.ip("control", "addr add "+controlAddress+"/24 dev bridge")
	w.ip("control", "link set bridge up")
	// kube-proxy changes the addresses of services, but only in packets that have a route.
	w.ip("control", "route add "+serviceCIDR+" dev bridge")
	for n := 1; n <= nodes; n++ {
		name := fmt.Sprintf("node-%d", n)
		w.add(name)
		w.ip("control", fmt.Sprintf("link add %s type veth peer name eth0 netns %s", name, namespace(name)))
		w.ip("control", fmt.Sprintf("link set %s master bridge up", name))
		w.ip(name, "addr add "+nodeAddress(n)+"/24 dev eth0")
		w.ip(name, "link set eth0 up")
		w.ip(name, "route add default via "+controlAddress)
		w.ip("control", "route add "+pods(n)+" via "+nodeAddress(n))
		for other := 1; other <= nodes; other++ {
			if other != n {
				w.ip(name, "route add "+pods(other)+" via "+nodeAddress(other))
			}
		}
	}
	return w
}

func (w *network) add(name string) {
	w.t.Helper()
	w.run("ip", "netns", "add", namespace(name))
	w.t.Cleanup(func() { w.run("ip", "netns", "delete", namespace(name)) })
	w.ip(name, "link set lo up")
	w.run(append(enterNetwork(name), "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1")...)
}

// ip runs a command of ip in a namespace.
func (w *network) ip(name, command string) {
	w.t.Helper()
	w.run(append([]string{"ip", "-netns", namespace(name)}, strings.Fields(command)...)...)
}

func (w *network) run(args ...string) {
	w.t.Helper()
	if _, err := output(exec.Command(args[0], args[1:]...)); err != nil {
		w.t.Error(err)
	}
}

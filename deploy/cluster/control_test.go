//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A cluster is a control plane and its nodes.
type cluster struct {
	*apiServer
	network *network
	nodes   []*node
}

// dnsAddress is the address of the service kube-dns.
const dnsAddress = "10.96.0.10"

// startCluster starts a control plane, and nodes that have images and runtimes: see startNode. The
// control plane's machine is where clients are. It has a kube-proxy and no kubelet.
// flags are further flags of the API server.
func startCluster(t *testing.T, nodes int, images []string, runtimes map[string]string, flags ...string) *cluster {
	t.Helper()
	w := newNetwork(t, nodes)
	s := startAPIServer(t, w.control, append(flags, "--allow-privileged")...)
	c := &cluster{apiServer: s, network: w}
	for name, user := range map[string]string{"controllers": "system:kube-controller-manager", "scheduler": "system:kube-scheduler", "proxy": "system:kube-proxy"} {
		s.ca.client(name, s.url, user)
	}
	start(t, s.dir, "kube-controller-manager", s.host.command(program("kube-controller-manager"), "--kubeconfig", s.ca.file("controllers.conf"),
		"--root-ca-file", s.ca.file("ca.crt"), "--service-account-private-key-file", s.ca.file("accounts.key"), "--use-service-account-credentials",
		"--cluster-cidr", clusterCIDR, "--allocate-node-cidrs=false", "--leader-elect=false",
		"--node-monitor-period", "1s", "--node-monitor-grace-period", "8s", "--horizontal-pod-autoscaler-downscale-stabilization", "30s"))
	start(t, s.dir, "kube-scheduler", s.host.command(program("kube-scheduler"), "--kubeconfig", s.ca.file("scheduler.conf"), "--leader-elect=false"))

	// A kube-proxy waits for the Node of its name.
	s.do(`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "control"}, "spec": {"unschedulable": true, "taints": [{"key": "control", "effect": "NoSchedule"}]}}`, "create", "-f", "-")
	s.do("", "patch", "node", "control", "--subresource=status", "--type=merge", "--patch", `{"status": {"addresses": [{"type": "InternalIP", "address": "`+controlAddress+`"}]}}`)
	start(t, s.dir, "kube-proxy", s.host.command(proxyArgs(s, "control")...))

	c.startDNS()
	for n := 1; n <= nodes; n++ {
		c.nodes = append(c.nodes, startNode(t, s, n, images, runtimes))
	}
	for _, o := range c.nodes {
		c.awaitNode(o.name, "True")
	}
	return c
}

// startDNS starts CoreDNS beside the API server, as the Service kube-dns.
func (c *cluster) startDNS() {
	c.t.Helper()
	corefile := filepath.Join(c.dir, "Corefile")
	text := ".:53 {\n\terrors\n\tkubernetes cluster.local {\n\t\tkubeconfig " + c.ca.file("admin.conf") + "\n\t}\n}\n"
	if err := os.WriteFile(corefile, []byte(text), 0o666); err != nil {
		c.t.Fatal(err)
	}
	start(c.t, c.dir, "coredns", c.host.command(program("coredns"), "-conf", corefile))
	c.service("kube-dns", dnsAddress, 53, "UDP")
}

// service makes a Service in the namespace kube-system whose server is in the control plane. address
// is its own one, or "" for any.
func (c *cluster) service(name, address string, port int, protocol string) {
	c.t.Helper()
	type object = map[string]any
	ports := []object{{"name": "server", "port": port, "protocol": protocol}}
	for _, o := range []object{
		{
			"apiVersion": "v1", "kind": "Service", "metadata": object{"name": name, "namespace": "kube-system"},
			"spec": object{"clusterIP": address, "ports": ports},
		},
		{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
			"metadata":    object{"name": name, "namespace": "kube-system", "labels": object{"kubernetes.io/service-name": name}},
			"addressType": "IPv4", "ports": ports, "endpoints": []object{{"addresses": []string{controlAddress}, "conditions": object{"ready": true}}},
		},
	} {
		text, err := json.Marshal(o)
		if err != nil {
			c.t.Fatal(err)
		}
		c.do(string(text), "create", "-f", "-")
	}
}

// awaitNode waits until the condition Ready of a node has a status: True, False or Unknown.
func (c *cluster) awaitNode(name, status string) {
	c.t.Helper()
	await(c.t, time.Minute, name+" has Ready="+status, func() error {
		got, err := c.kubectl("", "get", "node", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if err == nil && got != status {
			err = fmt.Errorf("it has Ready=%s", got)
		}
		return err
	})
}

// rolledOut waits until a Deployment has all its replicas ready, of its newest version alone.
func (c *cluster) rolledOut(namespace, name string) {
	c.t.Helper()
	started := time.Now()
	for end := started.Add(3 * time.Minute); ; {
		out, err := c.kubectl("", "rollout", "status", "--namespace="+namespace, "--timeout=30s", "deployment/"+name)
		if err == nil {
			c.t.Logf("%s is rolled out after %v", name, time.Since(started).Round(100*time.Millisecond))
			return
		}
		if time.Now().After(end) {
			events, _ := c.kubectl("", "get", "pods,events", "--namespace="+namespace)
			c.t.Fatalf("%v: %s\n%s", err, out, events)
		}
	}
}

// get returns what kubectl prints of an object in a namespace, by a JSON path.
func (c *cluster) get(namespace, object, path string) string {
	c.t.Helper()
	return strings.TrimSpace(c.do("", "get", "--namespace="+namespace, object, "-o", "jsonpath={"+path+"}"))
}

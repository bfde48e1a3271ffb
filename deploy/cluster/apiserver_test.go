//go:build linux

package cluster

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
)

// An apiServer is a Kubernetes API server with its etcd.
type apiServer struct {
	t    *testing.T
	dir  string // of everything it writes
	ca   *authority
	url  string
	host host
}

// A host is where programs run: the arguments of a command that enters it, and its address.
type host struct {
	enter   []string
	address string
}

var thisMachine = host{address: "127.0.0.1"}

// command returns a command in the host.
func (h host) command(args ...string) *exec.Cmd {
	args = append(h.enter[:len(h.enter):len(h.enter)], args...)
	return exec.Command(args[0], args[1:]...)
}

// serviceCIDR has the addresses of services, serviceAddress the first of them, which is the API
// server's.
const serviceCIDR, serviceAddress = "10.96.0.0/16", "10.96.0.1"

// startAPIServer starts an API server with its etcd, and waits until it is ready. flags are further
// flags of the API server.
func startAPIServer(t *testing.T, on host, flags ...string) *apiServer {
	t.Helper()
	dir := t.TempDir()
	port, store := porttest.Free(t), "http://127.0.0.1:"+porttest.Free(t)
	s := &apiServer{t: t, dir: dir, ca: newAuthority(t, dir), url: "https://" + on.address + ":" + port, host: on}
	s.ca.server("apiserver", []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc"}, on.address, "127.0.0.1", serviceAddress)
	s.ca.client("kubelet-client", s.url, "kube-apiserver", "system:masters")
	s.ca.client("admin", s.url, "admin", "system:masters")
	s.ca.newKey("accounts")

	start(t, dir, "etcd", on.command("etcd", "--data-dir", dir+"/etcd", "--unsafe-no-fsync", "--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", "http://127.0.0.1:"+porttest.Free(t)))
	server := start(t, dir, "kube-apiserver", on.command(append([]string{program("kube-apiserver"), "--etcd-servers", store,
		"--bind-address", on.address, "--advertise-address", on.address, "--secure-port", port, "--service-cluster-ip-range", serviceCIDR,
		"--endpoint-reconciler-type", "none", // it refuses the address 127.0.0.1
		"--client-ca-file", s.ca.file("ca.crt"), "--tls-cert-file", s.ca.file("apiserver.crt"), "--tls-private-key-file", s.ca.file("apiserver.key"),
		"--kubelet-client-certificate", s.ca.file("kubelet-client.crt"), "--kubelet-client-key", s.ca.file("kubelet-client.key"), "--kubelet-preferred-address-types", "InternalIP",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", s.ca.file("accounts.pub"), "--service-account-signing-key-file", s.ca.file("accounts.key"),
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
	}, flags...)...))
	await(t, 2*time.Minute, "the API server is ready", func() error {
		server.mustRun(t)
		_, err := s.kubectl("", "get", "--raw", "/readyz")
		return err
	})
	return s
}

// kubectl runs kubectl as the administrator, with its standard input, and returns what it prints.
func (s *apiServer) kubectl(input string, args ...string) (string, error) {
	cmd := s.host.command(append([]string{program("kubectl"), "--kubeconfig", s.ca.file("admin.conf"), "--cache-dir", s.dir + "/kubectl"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	return output(cmd)
}

// do runs kubectl, and fails the test if that fails.
func (s *apiServer) do(input string, args ...string) string {
	s.t.Helper()
	out, err := s.kubectl(input, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// part runs a part of the test, which fails alone.
func (s *apiServer) part(name string, f func(t *testing.T)) {
	whole := s.t
	whole.Run(name, func(t *testing.T) {
		s.t = t
		defer func() { s.t = whole }()
		f(t)
	})
}

// shop is the namespace that the files are for.
const shop = "shop"

// restricted makes a namespace for pods of the Pod Security Standard "restricted" alone.
func (s *apiServer) restricted(namespace string) {
	s.t.Helper()
	s.do("", "create", "namespace", namespace)
	s.do("", "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
}

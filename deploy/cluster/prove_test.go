//go:build linux

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wantNodes is the value of WASISOCK_KUBERNETES for the tests of a control plane and nodes.
const wantNodes = "nodes"

// The programs of Kubernetes that nodes need, and the packages of addons.
var (
	ofNodes  = append([]string{"kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"}, ofAPI...)
	ofAddons = []string{"./coredns", "sigs.k8s.io/metrics-server/cmd/metrics-server"}
)

// policy has the rules of the guests.
const policy = "allow: ['dial tcp server.shop.svc.cluster.local:80']\n"

// kustomized returns an overlay of deploy/kubernetes for the images of the tests: the guest serves at
// port 8080, has this policy, and there are so many replicas. 0 leaves that to an HPA.
func (c *cluster) kustomized(overlay, image string, replicas int) string {
	c.t.Helper()
	dir, err := filepath.EvalSymlinks(c.t.TempDir())
	if err != nil {
		c.t.Fatal(err)
	}
	base, err := filepath.Abs(filepath.Join(manifests, "overlays", overlay))
	if err == nil {
		base, err = filepath.Rel(dir, base)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	repository, tag := image[:strings.LastIndex(image, ":")], image[strings.LastIndex(image, ":")+1:]
	text := fmt.Sprintf(`resources: [%s]
images: [{name: registry.example.com/shop/server, newName: %s, newTag: %q}]
patches:
- patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["serve", ":8080"]}]'
  target: {kind: Deployment}
`, base, repository, tag)
	if replicas > 0 {
		text += fmt.Sprintf("replicas: [{name: server, count: %d}]\n", replicas)
	}
	if !strings.HasSuffix(image, "-wasm") {
		text += "configMapGenerator: [{name: server, behavior: merge, files: [policy.yaml]}]\n"
	}
	for name, text := range map[string]string{"kustomization.yaml": text, "policy.yaml": policy} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.do("", "kustomize", dir)
}

// client returns an HTTP client in the network of the control plane.
func (c *cluster) client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: c.network.dial, DisableKeepAlives: true}}
}

// fetch returns the body of the answer to a GET.
func (c *cluster) fetch(url string) (string, error) {
	answer, err := c.client().Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return string(text), err
}

// tools are the programs that nodes need, and handlers returns containerd's runtimes.
var tools = []string{"bash", "containerd", "conntrack", "crun", "ctr", "etcd", "ip", "iptables", "nsenter", "runc", "sysctl", "unshare"}

func handlers(t *testing.T) func(wasisock string) map[string]string {
	t.Helper()
	crun := exec.Command("../../scripts/get-wasmedge.sh", "--crun")
	crun.Stderr = os.Stderr
	file, err := crun.Output()
	if err != nil {
		t.Fatalf("%q: %v", crun.Args, err)
	}
	return func(wasisock string) map[string]string {
		return map[string]string{"wasmedge": strings.TrimSpace(string(file)), "wasisock": wasisock + "-oci"}
	}
}

// replicas is how many pods serve in TestCluster.
const replicas = 4

// begun starts a cluster with the namespace shop, for pods of the Pod Security Standard
// "restricted" alone, and a Deployment by an overlay. It returns the URL of its Service.
func begun(t *testing.T, overlay string, count int, runtimes func(wasisock string) map[string]string, flags ...string) (c *cluster, url string) {
	t.Helper()
	build(t, ofNodes)
	buildIn(t, "addons", ofAddons)
	archives, wasisock := makeImages(t)
	c = startCluster(t, 2, archives, runtimes(wasisock), flags...)
	c.restricted(shop)
	c.do(c.kustomized(overlay, firstImage, count), "apply", "--namespace="+shop, "-f", "-")
	c.rolledOut(shop, "server")
	url = "http://" + c.get(shop, "service/server", ".spec.clusterIP") + "/"
	await(t, 30*time.Second, "the Service answers", func() error {
		_, err := c.fetch(url)
		return err
	})
	return c, url
}

// TestCluster serves requests while versions roll out, a node is drained and its kubelet restarts, and
// loses a node.
func TestCluster(t *testing.T) {
	want(t, wantNodes, tools...)
	c, url := begun(t, "plain", replicas, handlers(t))

	c.part("no request fails", func(t *testing.T) { c.testRequests(t, url) })
	c.part("policy", c.testPolicy)
	c.part("names", c.testNames)
	c.part("exit code", c.testExitCode)
	c.part("readiness", c.testReadiness)
	for _, class := range []string{"wasmedge", "wasisock"} {
		c.part("RuntimeClass "+class, func(t *testing.T) { c.testRuntimeClass(t, class) })
	}
	c.part("a killed node", func(t *testing.T) { c.testKilledNode(t, url) })
}

// testRequests holds that none of at least 50,000 requests fails.
func (c *cluster) testRequests(t *testing.T, url string) {
	const least = 50_000
	var loads []*load
	for _, kind := range []string{"a connection each", "keep-alive", "HTTP/2"} {
		loads = append(loads, c.network.startLoad(t, kind, url, 3))
	}
	c.do("", "set", "image", "--namespace="+shop, "deployment/server", "server="+nextImage)
	c.rolledOut(shop, "server")
	if got, err := c.fetch(url); !strings.HasPrefix(got, "hello again ") {
		t.Errorf("after the rollout: %q, %v", got, err)
	}
	c.do("", "rollout", "undo", "--namespace="+shop, "deployment/server")
	c.rolledOut(shop, "server")
	if got, err := c.fetch(url); !strings.HasPrefix(got, "hello /") {
		t.Errorf("after the undo: %q, %v", got, err)
	}
	last := c.nodes[len(c.nodes)-1]
	c.do("", "drain", last.name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=50s")
	c.do("", "uncordon", last.name)
	c.do("", "rollout", "restart", "--namespace="+shop, "deployment/server") // spreads the pods again
	c.rolledOut(shop, "server")
	last.kubelet.stop()
	last.startKubelet()
	c.awaitNode(last.name, "True")

	sent := func() (n int) {
		for _, l := range loads {
			n += l.count()
		}
		return n
	}
	await(t, 3*time.Minute, "enough requests", func() error {
		if n := sent(); n < least {
			return fmt.Errorf("only %d", n)
		}
		return nil
	})
	for _, l := range loads {
		if sent, failed := l.end(t); failed > 0 || sent < least/20 {
			t.Errorf("%s: %d of %d requests failed", l.name, failed, sent)
		}
	}
}

// testPolicy holds that a refusal of the policy is in the metrics of the pod.
func (c *cluster) testPolicy(t *testing.T) {
	address, _, _ := strings.Cut(c.get(shop, "pods", ".items[*].status.podIP"), " ")
	if got, err := c.fetch("http://" + net.JoinHostPort(address, "8080") + "/dial?192.0.2.1:7"); got != "true\n" {
		t.Errorf("dialling what no rule allows: %q, %v", got, err)
	}
	metrics, err := c.fetch("http://" + net.JoinHostPort(address, "9090") + "/metrics")
	if !strings.Contains(metrics, "\nwasisock_refused_total 1\n") {
		t.Errorf("the metrics have no refusal: %v, %s", err, metrics)
	}
}

// job runs a Job with a pod of the Deployment's, but with this command, and returns the exit code of
// its guest and its log.
func (c *cluster) job(t *testing.T, name string, command ...string) (code, log string) {
	t.Helper()
	pod := c.pod(shop, command...)
	pod["spec"].(map[string]any)["restartPolicy"] = "Never"
	job := map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"backoffLimit": 0, "template": map[string]any{"spec": pod["spec"]}},
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	c.do(string(text), "create", "--namespace="+shop, "-f", "-")
	await(t, time.Minute, "Job "+name+" ends", func() error {
		code = c.get(shop, "pods", `.items[?(@.metadata.labels.job-name=="`+name+`")].status.containerStatuses[0].state.terminated.exitCode`)
		if code == "" {
			return errors.New("it has no exit code")
		}
		return nil
	})
	return code, c.do("", "logs", "--namespace="+shop, "job/"+name)
}

// pod returns the pod of the Deployment in a namespace, without probes and labels, and with another
// command if there is one.
func (c *cluster) pod(namespace string, command ...string) map[string]any {
	c.t.Helper()
	var spec map[string]any
	if err := json.Unmarshal([]byte(c.do("", "get", "--namespace="+namespace, "deployment/server", "-o", "jsonpath={.spec.template.spec}")), &spec); err != nil {
		c.t.Fatal(err)
	}
	container := spec["containers"].([]any)[0].(map[string]any)
	if len(command) > 0 {
		for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe", "args"} {
			delete(container, probe)
		}
		container["command"] = command
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{}, "spec": spec}
}

// runOnce is the command of a container that runs the guest once.
var runOnce = []string{"/wasisock", "run", "--cache", "/code"}

// testNames holds that the policy knows names of Services.
func (c *cluster) testNames(t *testing.T) {
	const service = "server.shop.svc.cluster.local"
	get := func(name, rule string) (code, log string) {
		return c.job(t, name, append(runOnce[:len(runOnce):len(runOnce)], "--allow", rule, "/server.wasm", "get", "http://"+service)...)
	}
	if code, log := get("allowed", "dial tcp "+service+":80"); code != "0" || log != "hello /\n" {
		t.Errorf("with a rule: exit code %s, %q", code, log)
	}
	if code, log := get("refused", "dial tcp other.shop.svc.cluster.local:80"); code != "3" || !strings.Contains(log, "refused: ") {
		t.Errorf("with a rule for another name: exit code %s, %q", code, log)
	}
}

// testExitCode holds that a Job fails with the exit code of its guest.
func (c *cluster) testExitCode(t *testing.T) {
	if code, log := c.job(t, "fails", append(runOnce[:len(runOnce):len(runOnce)], "/server.wasm", "exit", "7")...); code != "7" {
		t.Errorf("exit code %s, want 7; %s", code, log)
	}
	if failed := c.get(shop, "job/fails", ".status.failed"); failed != "1" {
		t.Errorf("the Job has failed %q times", failed)
	}
}

// testReadiness holds that a pod whose guest does not listen is not ready, although its port accepts
// connections.
func (c *cluster) testReadiness(t *testing.T) {
	pod := c.pod(shop)
	pod["metadata"] = map[string]any{"name": "silent"}
	pod["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["args"] = []string{"signals", "", "1"}
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	c.do(string(text), "create", "--namespace="+shop, "-f", "-")
	defer c.do("", "delete", "--namespace="+shop, "--wait=false", "pod/silent")
	await(t, time.Minute, "the pod accepts connections", func() error {
		conn, err := c.network.dial(t.Context(), "tcp", net.JoinHostPort(c.get(shop, "pod/silent", ".status.podIP"), "8080"))
		if err == nil {
			conn.Close()
		}
		return err
	})
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if ready := c.get(shop, "pod/silent", `.status.conditions[?(@.type=="Ready")].status`); ready != "False" {
			t.Fatalf("a pod whose guest does not listen has Ready=%s", ready)
		}
	}
}

// testRuntimeClass holds that the guest alone serves by a RuntimeClass.
func (c *cluster) testRuntimeClass(t *testing.T, class string) {
	c.restricted(class)
	c.do(c.kustomized(class, aloneImage, 2), "apply", "--namespace="+class, "-f", "-")
	defer c.do("", "delete", "namespace", class, "--wait=false")
	c.rolledOut(class, "server")
	await(t, 30*time.Second, "the Service answers", func() error {
		got, err := c.fetch("http://" + c.get(class, "service/server", ".spec.clusterIP") + "/")
		if err == nil && got != "hello /\n" {
			err = fmt.Errorf("it answers %q", got)
		}
		return err
	})
	address, _, _ := strings.Cut(c.get(class, "pods", ".items[*].status.podIP"), " ")
	if _, err := c.fetch("http://" + net.JoinHostPort(address, "9090") + "/metrics"); (err == nil) != (class == "wasisock") {
		t.Errorf("metrics of a guest in RuntimeClass %s: %v", class, err)
	}
}

// testKilledNode holds that all replicas are ready within 30 s after a node has lost its power.
func (c *cluster) testKilledNode(t *testing.T, url string) {
	const limit = 30 * time.Second
	dead := c.nodes[len(c.nodes)-1]
	started := time.Now()
	c.network.ip("control", "link set "+dead.name+" down")
	dead.kill()
	await(t, limit, "all replicas are ready elsewhere", func() error {
		ready := c.get(shop, "pods", `.items[?(@.spec.nodeName!="`+dead.name+`")].status.conditions[?(@.type=="Ready")].status`)
		if n := strings.Count(ready, "True"); n < replicas {
			return fmt.Errorf("%d of %d", n, replicas)
		}
		return nil
	})
	t.Logf("%v from the node's end to %d ready replicas", time.Since(started).Round(time.Second), replicas)
	for range 20 {
		if _, err := c.fetch(url); err != nil {
			t.Error(err)
		}
	}
}

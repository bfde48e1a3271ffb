//go:build linux

package cluster

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// TestAutoscaling holds that the overlay hpa goes to 8 replicas under load and back to 2 without it,
// and that no request fails.
func TestAutoscaling(t *testing.T) {
	const least, most = 2, 8
	want(t, wantNodes, tools...)
	// The API server asks metrics-server, and says by a certificate for whom.
	dir := t.TempDir()
	front := newAuthority(t, dir)
	front.client("front-proxy", "", "front-proxy")
	c, url := begun(t, "hpa", 0, func(string) map[string]string { return nil },
		"--requestheader-client-ca-file", front.file("ca.crt"), "--requestheader-allowed-names", "front-proxy",
		"--requestheader-username-headers", "X-Remote-User", "--requestheader-group-headers", "X-Remote-Group", "--requestheader-extra-headers-prefix", "X-Remote-Extra-",
		"--proxy-client-cert-file", front.file("front-proxy.crt"), "--proxy-client-key-file", front.file("front-proxy.key"), "--enable-aggregator-routing")
	const port = 4443
	admin := c.ca.file("admin.conf")
	start(t, dir, "metrics-server", c.host.command(program("metrics-server"), "--kubeconfig", admin, "--authentication-kubeconfig", admin, "--authorization-kubeconfig", admin,
		"--kubelet-insecure-tls", "--kubelet-preferred-address-types", "InternalIP", "--secure-port", strconv.Itoa(port), "--cert-dir", dir, "--metric-resolution", "10s"))
	c.service("metrics-server", "", port, "TCP")
	c.do(fmt.Sprintf(`{"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {
		"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
		"service": {"name": "metrics-server", "namespace": "kube-system", "port": %d}}}`, port), "create", "-f", "-")

	// A Deployment without a number has one replica, and the HPA adds the second.
	replicas := func(limit time.Duration, want int) {
		t.Helper()
		await(t, limit, fmt.Sprintf("%d replicas are ready", want), func() error {
			if got := c.get(shop, "deployment/server", ".status.readyReplicas"); got != strconv.Itoa(want) {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		})
	}
	replicas(2*time.Minute, least)
	l := c.network.startLoad(t, "a connection each", url, 16)
	replicas(4*time.Minute, most)
	if sent, failed := l.end(t); failed > 0 || sent == 0 {
		t.Errorf("%d of %d requests failed", failed, sent)
	}
	replicas(4*time.Minute, least)
}

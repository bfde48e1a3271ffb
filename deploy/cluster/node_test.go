//go:build linux

package cluster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A node is a machine of a cluster: namespaces of its own, with a containerd, a kubelet and a
// kube-proxy.
type node struct {
	t       *testing.T
	name    string
	number  int
	dir     string // of everything it writes
	cluster *apiServer
	holder  *exec.Cmd
	inside  string // the process number of the first process inside
	kubelet *process
	all     []*process
}

// The controllers of cgroups of version 1, and the one without controllers.
const controllers = "cpu cpuacct cpuset memory devices freezer blkio pids"

// boot becomes the first process of a node named $1, whose directories are in $2. It has its part of
// the cgroups alone. Settings of the whole kernel, which the kubelet writes, are files.
const boot = `set -e
hostname "$1"
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for c in ` + controllers + `; do
	mkdir /sys/fs/cgroup/$c
	mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c
done
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
for directory in /run /var/lib /var/log; do
	mkdir -p "$2$directory"
	mount --bind "$2$directory" $directory
done
mount --make-rshared /
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1; do
	file="$2/$(basename ${setting%=*})"
	echo ${setting#*=} >"$file"
	mount --bind "$file" /proc/sys/${setting%=*}
done
echo ready
while :; do sleep 3600 & wait; done
`

// startNode starts node n of a cluster, with images in these archives, and waits until its containerd
// has them. runtimes are programs of containerd by the names of their handlers.
func startNode(t *testing.T, c *apiServer, n int, images []string, runtimes map[string]string) *node {
	t.Helper()
	o := &node{t: t, name: fmt.Sprintf("node-%d", n), number: n, dir: t.TempDir(), cluster: c}
	c.ca.client(o.name, c.url, "system:node:"+o.name, "system:nodes")
	o.configure(runtimes)
	o.boot()
	o.start("containerd", "containerd", "--config", o.dir+"/containerd.toml")
	await(t, time.Minute, o.name+": containerd answers", func() error {
		_, err := output(o.command("ctr", "version"))
		return err
	})
	for _, image := range images {
		if _, err := output(o.command("ctr", "--namespace", "k8s.io", "images", "import", image)); err != nil {
			t.Fatal(err)
		}
	}
	o.start("kube-proxy", proxyArgs(c, o.name)...)
	o.startKubelet()
	return o
}

// proxyArgs returns the command of a kube-proxy.
func proxyArgs(c *apiServer, name string) []string {
	return []string{program("kube-proxy"), "--kubeconfig", c.ca.file("proxy.conf"), "--hostname-override", name, "--proxy-mode", "iptables",
		"--cluster-cidr", clusterCIDR, "--conntrack-max-per-core", "0", "--conntrack-min", "0"}
}

// configure writes the files that the programs of the node read.
func (o *node) configure(runtimes map[string]string) {
	o.t.Helper()
	type object = map[string]any
	write := func(name string, text []byte) {
		o.t.Helper()
		file := filepath.Join(o.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			o.t.Fatal(err)
		}
	}
	asJSON := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			o.t.Fatal(err)
		}
		return text
	}
	write("net.d/10-pods.conflist", asJSON(object{"cniVersion": "1.0.0", "name": "pods", "plugins": []object{
		{"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": object{
			"type": "host-local", "ranges": [][]object{{{"subnet": pods(o.number)}}}, "routes": []object{{"dst": "0.0.0.0/0"}}}},
	}}))
	write("kubelet.yaml", asJSON(object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication":            object{"anonymous": object{"enabled": false}, "webhook": object{"enabled": true}, "x509": object{"clientCAFile": o.cluster.ca.file("ca.crt")}},
		"authorization":             object{"mode": "Webhook"},
		"cgroupDriver":              "cgroupfs",
		"clusterDNS":                []string{dnsAddress},
		"clusterDomain":             "cluster.local",
		"containerRuntimeEndpoint":  "unix:///run/containerd/containerd.sock",
		"enforceNodeAllocatable":    []string{},
		"evictionHard":              object{"memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"failCgroupV1":              false,
		"failSwapOn":                false,
		"featureGates":              object{"KubeletInUserNamespace": true}, // settings of the kernel may be impossible to change
		"nodeStatusUpdateFrequency": "2s",
		"volumePluginDir":           "/var/lib/kubelet/volume-plugins",
	}))
	var handlers bytes.Buffer
	for handler, program := range runtimes {
		fmt.Fprintf(&handlers, `
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["module.wasm.image/*", "wasisock.dev/*"]
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%[1]s.options]
BinaryName = %q
`, handler, program)
	}
	write("containerd.toml", []byte(`version = 2
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "`+pauseImage+`"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "`+o.dir+`/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
`+handlers.String()))
}

// boot makes the node's namespaces.
func (o *node) boot() {
	t := o.t
	t.Helper()
	cgroups := o.cgroups()
	for _, dir := range cgroups {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} { // a new one has none
			if text, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name)); err == nil {
				os.WriteFile(filepath.Join(dir, name), text, 0)
			}
		}
	}
	enter := append([]string{"sh", "-c", joinCgroups, "sh", strings.Join(cgroups, " ")}, enterNetwork(o.name)...)
	args := append(enter, "unshare", "--cgroup", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "bash", "-c", boot, "bash", o.name, o.dir)
	o.holder = exec.Command(args[0], args[1:]...)
	o.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := o.holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	o.holder.Stderr = &complaints
	if err := o.holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.kill()
		for _, dir := range cgroups {
			removeCgroup(t, dir)
		}
	})
	// It ends if the script fails.
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		o.holder.Wait()
		t.Fatalf("%s does not boot: %v: %s", o.name, err, &complaints)
	}
	parent := fmt.Sprint(o.holder.Process.Pid)
	children, err := os.ReadFile("/proc/" + parent + "/task/" + parent + "/children")
	if o.inside = strings.TrimSpace(string(children)); o.inside == "" {
		t.Fatalf("%s has no first process: %v", o.name, err)
	}
}

// joinCgroups is a script that joins the cgroups $1 and runs the rest of its arguments.
const joinCgroups = `for d in $1; do echo $$ >$d/cgroup.procs || exit 1; done; shift; exec "$@"`

// cgroups returns the node's cgroups, one for each hierarchy, below those of this process.
func (o *node) cgroups() (dirs []string) {
	o.t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		o.t.Fatal(err)
	}
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		name := strings.TrimPrefix(fields[1], "name=")
		if name == "" || !strings.Contains(" "+controllers+" systemd ", " "+strings.Split(name, ",")[0]+" ") {
			continue
		}
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", name, fields[2], namespace(o.name)))
	}
	if len(dirs) == 0 {
		o.t.Fatal("nodes need cgroups of version 1, which this system does not have")
	}
	return dirs
}

// removeCgroup removes a cgroup and those below it, which have no processes any more.
func removeCgroup(t *testing.T, dir string) {
	var all []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for i := len(all) - 1; i >= 0; i-- {
		// The kernel may still be removing the processes.
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			err := os.Remove(all[i])
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Error(err)
				break
			}
		}
	}
}

// command returns a command in the node.
func (o *node) command(args ...string) *exec.Cmd {
	enter := []string{"-c", joinCgroups, "sh", strings.Join(o.cgroups(), " "), "nsenter", "--target", o.inside, "--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--"}
	return exec.Command("sh", append(enter, args...)...)
}

// start starts a program in the node.
func (o *node) start(name string, args ...string) *process {
	o.t.Helper()
	p := start(o.t, o.dir, name, o.command(args...))
	o.all = append(o.all, p)
	return p
}

func (o *node) startKubelet() {
	o.t.Helper()
	o.kubelet = o.start("kubelet", program("kubelet"), "--config", o.dir+"/kubelet.yaml", "--kubeconfig", o.cluster.ca.file(o.name+".conf"),
		"--hostname-override", o.name, "--node-ip", nodeAddress(o.number), "--root-dir", "/var/lib/kubelet", "--v", "2")
}

// kill ends the node as a loss of power does.
func (o *node) kill() {
	for _, p := range o.all {
		p.stopped = true
	}
	o.holder.Process.Kill()
	o.holder.Wait()
}

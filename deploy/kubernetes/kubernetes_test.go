// Package kubernetes tests that the files of this directory fit each other and wasisock.
package kubernetes

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// decode reads a file of YAML.
func decode(t *testing.T, file string, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestConfiguration holds that wasisock takes the configuration and the policy, and that what it
// serves is where the Deployment looks for it.
func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	wasisock := filepath.Join(dir, "wasisock")
	if out, err := exec.Command("go", "build", "-o", wasisock, "../../cmd/wasisock").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile("base/config/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Not in a container, the policy is here, and there may be no limit of memory.
	policy, err := filepath.Abs("base/config/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("/etc/wasisock/policy.yaml"), []byte(policy), 1)
	text = bytes.Replace(text, []byte("max-memory: auto"), []byte("max-memory: 192M"), 1)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(wasisock, "run", "--config", file, "--print-config", "server.wasm").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var config struct {
		Listen          []string
		Health, Metrics string
		DrainDelay      time.Duration `yaml:"drain-delay"`
		Grace           time.Duration
	}
	if err := yaml.Unmarshal(out, &config); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	var deployment struct {
		Spec struct {
			Replicas *int
			Template struct {
				Spec struct {
					Seconds    int `yaml:"terminationGracePeriodSeconds"`
					Containers []struct {
						Ports []struct {
							Name string
							Port string `yaml:"containerPort"`
						}
					}
				}
			}
		}
	}
	decode(t, "base/deployment.yaml", &deployment)
	pod := deployment.Spec.Template.Spec
	if deployment.Spec.Replicas != nil {
		t.Error("the Deployment has replicas, which an HPA would change and kubectl apply change back")
	}
	if took, given := config.DrainDelay+config.Grace+time.Second, time.Duration(pod.Seconds)*time.Second; took > given {
		t.Errorf("wasisock takes up to %v to end, and Kubernetes kills it after %v", took, given)
	}
	want := map[string]string{"http": config.Listen[0], "health": config.Health, "metrics": config.Metrics}
	for _, port := range pod.Containers[0].Ports {
		if got := want[port.Name]; !strings.HasSuffix(got, ":"+port.Port) {
			t.Errorf("port %s is %s, and wasisock serves it at %q", port.Name, port.Port, got)
		}
		delete(want, port.Name)
	}
	if len(want) > 0 {
		t.Errorf("the Deployment does not have the ports %v", want)
	}
}

// TestFiles holds that each file is part of what is applied: kustomize ignores those that no
// kustomization names.
func TestFiles(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" || d.Name() == "kustomization.yaml" {
			return err
		}
		dir, name := filepath.Split(path)
		if filepath.Base(dir) == "config" {
			dir, name = filepath.Dir(filepath.Clean(dir)), "config/"+name
		}
		text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
		if !bytes.Contains(text, []byte("- "+name+"\n")) && !bytes.Contains(text, []byte("- path: "+name+"\n")) {
			t.Errorf("no kustomization has %s", path)
		}
		checked++
		return err
	})
	if err != nil || checked < 10 {
		t.Errorf("found %d files, %v", checked, err)
	}
}

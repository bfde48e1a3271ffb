//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const manifests = "../kubernetes"

// overlays returns the directories of the overlays.
func overlays(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(manifests + "/overlays/*/kustomization.yaml")
	if err != nil || len(found) < 4 {
		t.Fatalf("found %q, %v", found, err)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// monitored returns a directory with a kustomization: an overlay and the component of the
// PodMonitor.
func monitored(t *testing.T, overlay string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		dir = filepath.Join(dir, "podmonitor")
		err = os.Mkdir(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) string {
		path, err := filepath.Abs(path)
		if err == nil {
			path, err = filepath.Rel(dir, path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", at(overlay), at(manifests+"/components/podmonitor"))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// podMonitors returns the file of the Prometheus operator that defines PodMonitor.
func podMonitors(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", "github.com/prometheus-operator/prometheus-operator@v0.85.0")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v: %s", cmd.Args, err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(module.Dir, "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml")
}

// podsOf returns a Pod for each Deployment of a manifest, as its controller would create it.
func podsOf(t *testing.T, manifest string) (pods []map[string]any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(manifest))
	for {
		var o struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct{ Template map[string]any }
		}
		if err := d.Decode(&o); err != nil {
			if len(pods) == 0 {
				t.Fatalf("the manifest has no Deployment: %v", err)
			}
			return pods
		}
		if o.Kind != "Deployment" {
			continue
		}
		pod := o.Spec.Template
		pod["apiVersion"], pod["kind"] = "v1", "Pod"
		pod["metadata"].(map[string]any)["name"] = o.Metadata.Name
		pods = append(pods, pod)
	}
}

// dryRun has the API server check a manifest in the namespace shop, and returns its complaints.
func (s *apiServer) dryRun(verb, manifest string) error {
	_, err := s.kubectl(manifest, verb, "--namespace="+shop, "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-")
	return err
}

// TestManifests checks every file of deploy/kubernetes on a real API server, which refuses fields
// that it does not know and pods that the Pod Security Standard "restricted" does not allow.
func TestManifests(t *testing.T) {
	want(t, wantAPI, "etcd")
	build(t, ofAPI)
	install(t, "github.com/zegl/kube-score/cmd/kube-score@v1.20.0")
	s := startAPIServer(t, thisMachine)
	s.do("", "create", "--validate=strict", "-f", podMonitors(t))
	s.do("", "wait", "--for=condition=Established", "--timeout=30s", "crd/podmonitors.monitoring.coreos.com")
	s.restricted(shop)
	s.do("", "create", "serviceaccount", "default", "--namespace="+shop) // which the controller manager creates elsewhere

	all := overlays(t)
	for _, overlay := range append(all, monitored(t, all[0])) {
		s.part(filepath.Base(overlay), func(t *testing.T) {
			manifest := s.do("", "kustomize", overlay)
			if err := s.dryRun("apply", manifest); err != nil {
				t.Error(err)
			}
			if class := filepath.Join(overlay, "runtimeclass.yaml"); exists(class) {
				s.do("", "create", "-f", class) // pods name it
			}
			for _, pod := range podsOf(t, manifest) {
				text, err := json.Marshal(pod)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.dryRun("create", string(text)); err != nil {
					t.Error(err)
				}
			}
			score := exec.Command(program("kube-score"), "score", "--exit-one-on-warning", "--output-format=ci", "--ignore-container-cpu-limit", "-")
			score.Stdin = strings.NewReader(manifest)
			if out, err := output(score); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}

	// The checks do refuse.
	plain := s.do("", "kustomize", filepath.Join(manifests, "overlays/plain"))
	mistyped := strings.Replace(plain, "enableServiceLinks", "enableServiceLink", 1)
	if err := s.dryRun("apply", mistyped); err == nil || !strings.Contains(err.Error(), `unknown field "spec.template.spec.enableServiceLink"`) {
		t.Errorf("a mistyped field: %v", err)
	}
	pod := podsOf(t, plain)[0]
	pod["spec"].(map[string]any)["hostNetwork"] = true
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dryRun("create", string(text)); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a pod in the network of its node: %v", err)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	ocivalidate "github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
)

// buildStatic builds the command without C, as for an image.
var buildStatic = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "static", "wasisock")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, ".")
	cmd.Dir, cmd.Env = home, append(slices.Clone(environ), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// static returns the file of the command that buildStatic builds.
func static(t *testing.T) string {
	t.Helper()
	file, err := buildStatic()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// archived returns the image in an archive, and its files.
func archived(t *testing.T, file string) (v1.Image, map[string]*tar.Header, map[string]string) {
	t.Helper()
	if _, err := tarball.ImageFromPath(file, nil); err != nil { // as docker load reads it
		t.Error(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := ocivalidate.Index(index); err != nil {
		t.Error(err)
	}
	of, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(of.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	headers, texts := map[string]*tar.Header{}, map[string]string{}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for archive := tar.NewReader(r); ; {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			headers[h.Name], texts[h.Name] = h, string(text)
		}
		r.Close()
	}
	return img, headers, texts
}

func configOf(t *testing.T, img v1.Image) *v1.ConfigFile {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestImage tests what is in an image, and that its code runs without being compiled again.
func TestImage(t *testing.T) {
	wasisock := static(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	archive := filepath.Join(t.TempDir(), "app.tar")
	imaged := func(archive string) (stdout string) {
		t.Helper()
		code, stdout, stderr := commandtest.ExecuteFile(t, wasisock, "image", "-o", archive, "--tag", "example.com/shop/app:1.2", "--label", "team=shop",
			guest(t), "--listen", ":8080", "--publish", "127.0.0.1:80:8081", "--health", ":9091", "--env", "NOWHERE", "--policy", "/etc/policy.yaml", "serve", "-v")
		if code != 0 {
			t.Fatalf("%d, %s", code, stderr)
		}
		return stdout
	}
	stdout := imaged(archive)
	img, headers, texts := archived(t, archive)
	config := configOf(t, img)
	if got, want := config.Platform().String(), "linux/"+config.Architecture; got != want || config.Architecture == "" {
		t.Errorf("platform %s", got)
	}
	want := v1.Config{
		User: "65534:65534", WorkingDir: "/", Env: []string{"PATH=/"},
		Entrypoint: []string{"/wasisock", "run", "--cache", "/code", "--listen", ":8080", "--publish", "127.0.0.1:80:8081", "--health", ":9091",
			"--env", "NOWHERE", "--policy", "/etc/policy.yaml", "/guest.wasm"},
		Cmd:          []string{"serve", "-v"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "80/tcp": {}},
		Labels:       map[string]string{"org.opencontainers.image.title": "guest", "team": "shop"},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/wasisock", "health", "127.0.0.1:9091"}, StartPeriod: 30 * time.Second, Interval: 10 * time.Second, Timeout: 6 * time.Second},
	}
	if !reflect.DeepEqual(config.Config, want) {
		t.Errorf("%+v\nwant %+v", config.Config, want)
	}
	if at := time.Unix(1000000000, 0); !config.Created.Time.Equal(at) {
		t.Errorf("created %v", config.Created)
	} else {
		for path, h := range headers {
			mode := map[bool]int64{true: 0o755, false: 0o444}[h.Typeflag == tar.TypeDir]
			if path == "wasisock" {
				mode = 0o555
			}
			if h.Uid != 0 || h.Gid != 0 || h.Mode != mode || !h.ModTime.Equal(at) {
				t.Errorf("%s: user %d, group %d, mode %o, %v", path, h.Uid, h.Gid, h.Mode, h.ModTime)
			}
		}
	}
	for _, path := range []string{"wasisock", "guest.wasm", "etc/passwd", "sbom.cdx.json"} {
		if headers[path] == nil {
			t.Errorf("no %s", path)
		}
	}
	if !strings.Contains(texts["etc/ssl/certs/ca-certificates.crt"], "BEGIN CERTIFICATE") {
		t.Error("no certificates")
	}
	if wasm, err := os.ReadFile(guest(t)); texts["guest.wasm"] != string(wasm) {
		t.Errorf("another guest; %v", err)
	}

	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(strings.NewReader(texts["sbom.cdx.json"]), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if c := bom.Metadata.Component; c.Name != "guest.wasm" || c.PackageURL != "pkg:golang/github.com/wasisock/wasisock" {
		t.Errorf("%+v", c)
	}
	var names []string
	for _, c := range *bom.Components {
		if names = append(names, c.Name); c.Components != nil {
			for _, m := range *c.Components {
				names = append(names, c.Name+" "+m.Name)
			}
		}
	}
	for _, name := range []string{"std", "wasisock", "wasisock std", "wasisock github.com/tetratelabs/wazero"} {
		if !slices.Contains(names, name) {
			t.Errorf("no %s in %q", name, names)
		}
	}

	again := filepath.Join(t.TempDir(), "again.tar")
	if second := imaged(again); second != stdout || !strings.HasPrefix(second, "example.com/shop/app:1.2@sha256:") {
		t.Errorf("%q, before %q", second, stdout)
	}
	first, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := os.ReadFile(again); !bytes.Equal(first, other) {
		t.Errorf("the second archive is another; %v", err)
	}

	root := t.TempDir()
	for path, h := range headers {
		if h.Typeflag == tar.TypeDir {
			continue
		}
		to := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(texts[path]), h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, stderr := commandtest.ExecuteFile(t, filepath.Join(root, "wasisock"), "run", "--cache", filepath.Join(root, "code"), filepath.Join(root, "guest.wasm"), "deep", "9"); code != 0 || strings.Contains(stderr, "compil") {
		t.Errorf("%d, %q, %s", code, out, stderr)
	}
	for _, f := range compiled(t, root) {
		if headers[f] == nil {
			t.Errorf("%s was compiled again", f)
		}
	}
}

// compiled returns the paths of the files in the directory of compiled code, relative to root.
func compiled(t *testing.T, root string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "code"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(root, path)
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	return files
}

// TestImagePushed pushes to a registry, and pulls from it.
func TestImagePushed(t *testing.T) {
	wasisock := static(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	to := strings.TrimPrefix(server.URL, "http://") + "/app:1"
	code, stdout, stderr := commandtest.ExecuteFile(t, wasisock, "image", "--push", to, file(t, "app.wasm", ending), "--listen", ":80")
	if code != 0 {
		t.Fatalf("%d, %s", code, stderr)
	}
	ref, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := ocivalidate.Image(img); err != nil {
		t.Error(err)
	}
	digest, err := img.Digest()
	if want := to + "@" + digest.String() + "\n"; stdout != want || err != nil {
		t.Errorf("%q, want %q; %v", stdout, want, err)
	}

	server.Close()
	if code, _, stderr := commandtest.ExecuteFile(t, wasisock, "image", "--push", to, file(t, "app.wasm", ending)); code != 125 || !strings.Contains(stderr, "--push "+to+": ") {
		t.Errorf("without a registry: %d, %s", code, stderr)
	}
}

// TestImageWasmOnly tests the image that has the guest alone.
func TestImageWasmOnly(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "app.tar")
	if code, stdout, stderr := start(t, "image", "--wasm-only", "-o", archive, "GUEST", "serve"); code != 0 || !strings.HasPrefix(stdout, "localhost/guest:latest@sha256:") || stderr != "" {
		t.Fatalf("%d, %q, %s", code, stdout, stderr)
	}
	img, _, texts := archived(t, archive)
	if len(texts) != 1 || texts["guest.wasm"] == "" {
		t.Errorf("%d files", len(texts))
	}
	manifest, err := img.Manifest()
	if err != nil || manifest.Annotations["module.wasm.image/variant"] != "compat-smart" {
		t.Errorf("%+v, %v", manifest, err)
	}
	if c := configOf(t, img).Config; !slices.Equal(c.Entrypoint, []string{"/guest.wasm"}) || !slices.Equal(c.Cmd, []string{"serve"}) || c.User != "65534:65534" {
		t.Errorf("%+v", c)
	}
}

// TestImageRefuses tests that errors name what is wrong, and the remedy.
func TestImageRefuses(t *testing.T) {
	app := file(t, "app.wasm", ending)
	out := filepath.Join(t.TempDir(), "app.tar")
	refused := func(code int, says string, args ...string) {
		t.Helper()
		if got, stdout, stderr := start(t, append([]string{"image"}, args...)...); got != code || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%q: %d, %q, %q; want %d, %q", args, got, stdout, stderr, code, says)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%q made an image", args)
		}
	}
	refused(125, "name a guest")
	refused(125, "name a file for the image with -o, or a registry's image with --push", app)
	refused(125, "no such file", "-o", out, "--wasm-only", filepath.Join(t.TempDir(), "none.wasm"))
	refused(125, "is not a wasisock; name one that go install has built", "-o", out, "--wasisock", "/bin/sh", app)
	refused(125, `invalid value "wasmedge"`, "-o", out, "--engine", "wasmedge", app)
	refused(125, "unknown flag --lissten (did you mean --listen?); see wasisock run --help", "-o", out, app, "--lissten", ":80")
	refused(125, "name the image with --tag", "-o", out, "--tag", "Not:A:Name", app)
	refused(125, "want one such as linux/arm64", "-o", out, "--platform", "linux", app)
	refused(125, "is not KEY=VALUE", "-o", out, "--label", "x", app)
	refused(125, "--listen is a flag of wasisock run", "-o", out, "--wasm-only", app, "--listen", ":80")
	refused(125, "--wasisock and --engine are for an image with wasisock", "-o", out, "--wasm-only", "--engine", "wazero", app)
	t.Setenv("SOURCE_DATE_EPOCH", "now")
	refused(125, "SOURCE_DATE_EPOCH is \"now\"; set it to seconds since 1970", "-o", out, "--wasm-only", app)
	os.Unsetenv("SOURCE_DATE_EPOCH")

	static := static(t)
	refused(125, "needs shared libraries, which the image has not; build a static one by CGO_ENABLED=0 go build", "-o", out, "--wasisock", executable(t), app)
	refused(125, "has no wasmtime in it; name one with --wasisock that is built with -tags wasmtime", "-o", out, "--wasisock", static, "--engine", "wasmtime", app)
	refused(125, "WasmEdge cannot be in an image with wasisock", "-o", out, "--wasisock", static, app, "--engine", "wasmedge")
	refused(125, "; name a wasisock for that platform with --wasisock", "-o", out, "--wasisock", static, "--platform", "linux/riscv64", app)
	refused(126, "app.wasm", "-o", out, "--wasisock", static, file(t, "app.wasm", "\x00asm"))
}

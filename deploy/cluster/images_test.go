//go:build linux

package cluster

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const module = "github.com/wasisock/wasisock"

// The images that nodes have, by their names.
const (
	pauseImage = "localhost/pause:1"
	firstImage = "localhost/server:1"      // answers hello
	nextImage  = "localhost/server:2"      // answers hello again
	aloneImage = "localhost/server:1-wasm" // the guest of firstImage without wasisock
)

// makeImages makes the archives of the images, and returns the static program wasisock too,
// beside which is a link wasisock-oci.
func makeImages(t *testing.T) (archives []string, wasisock string) {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	wasisock = filepath.Join(dir, "wasisock")
	run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", wasisock, module+"/cmd/wasisock")
	if err := os.Symlink("wasisock", wasisock+"-oci"); err != nil {
		t.Fatal(err)
	}
	make := func(image, word string, flags ...string) {
		t.Helper()
		guest, archive := filepath.Join(dir, "server.wasm"), filepath.Join(dir, filepath.Base(image)+".tar")
		run(wasisock, "build", "-ldflags=-s -w -X 'main.word="+word+"'", "-o", guest, module+"/cmd/wasisock/testdata/program")
		run(append([]string{wasisock, "image", "-o", archive, "--tag", image, guest}, flags...)...)
		archives = append(archives, archive)
	}
	make(firstImage, "hello", "--config", "/etc/wasisock/config.yaml")
	alone := filepath.Join(dir, "alone.tar")
	run(wasisock, "image", "--wasm-only", "-o", alone, "--tag", aloneImage, filepath.Join(dir, "server.wasm"))
	make(nextImage, "hello again", "--config", "/etc/wasisock/config.yaml")

	pause := filepath.Join(dir, "pause")
	run("go", "build", "-ldflags=-s -w", "-o", pause, "./pause")
	return append(archives, alone, pack(t, pauseImage, pause)), wasisock
}

// pack makes an image of one program, in an archive beside it.
func pack(t *testing.T, image, program string) (archive string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(program)
	check(err)
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	check(w.WriteHeader(&tar.Header{Name: filepath.Base(program), Mode: 0o755, Size: int64(len(text))}))
	_, err = w.Write(text)
	check(err)
	check(w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	check(err)
	img, err := mutate.AppendLayers(empty.Image, layer)
	check(err)
	config, err := img.ConfigFile()
	check(err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{"/" + filepath.Base(program)}}
	img, err = mutate.ConfigFile(img, config)
	check(err)
	tag, err := name.NewTag(image)
	check(err)
	archive = program + ".tar"
	check(tarball.WriteToFile(archive, tag, img))
	return archive
}

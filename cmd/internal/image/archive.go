package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Write writes an archive of an image with a name. It is an OCI image layout, which podman, skopeo
// and containerd read, and it has the manifest.json that docker load needs too.
func Write(w io.Writer, img v1.Image, tag name.Tag) error {
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	parsed, err := img.Manifest()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}

	a := archiver{w: tar.NewWriter(w)}
	a.text("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	a.json("index.json", v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: parsed.MediaType, Size: int64(len(manifest)), Digest: digest, Platform: file.Platform(),
			Annotations: map[string]string{"org.opencontainers.image.ref.name": tag.TagStr(), "io.containerd.image.name": tag.Name()},
		}},
	})
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	docker := tarball.Descriptor{Config: blob(parsed.Config.Digest), RepoTags: []string{tag.Name()}}
	for _, l := range parsed.Layers {
		docker.Layers = append(docker.Layers, blob(l.Digest))
	}
	a.json("manifest.json", tarball.Manifest{docker})
	a.text(blob(digest), manifest)
	a.text(blob(parsed.Config.Digest), config)
	for i, l := range layers {
		a.layer(blob(parsed.Layers[i].Digest), l)
	}
	return a.close()
}

// An archiver writes files to an archive, until an error.
type archiver struct {
	w   *tar.Writer
	err error
}

func (a *archiver) text(path string, text []byte) {
	a.file(path, int64(len(text)), bytes.NewReader(text))
}

func (a *archiver) json(path string, v any) {
	text, err := json.Marshal(v)
	if a.err == nil {
		a.err = err
	}
	a.text(path, text)
}

func (a *archiver) layer(path string, l v1.Layer) {
	if a.err != nil {
		return
	}
	var size int64
	var r io.ReadCloser
	if size, a.err = l.Size(); a.err != nil {
		return
	}
	if r, a.err = l.Compressed(); a.err != nil {
		return
	}
	defer r.Close()
	a.file(path, size, r)
}

func (a *archiver) file(path string, size int64, r io.Reader) {
	if a.err == nil {
		a.err = a.w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)})
	}
	if a.err == nil {
		_, a.err = io.Copy(a.w, r)
	}
}

func (a *archiver) close() error {
	if a.err != nil {
		return a.err
	}
	return a.w.Close()
}

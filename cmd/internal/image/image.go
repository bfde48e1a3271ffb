// Package image makes OCI images of guests: files in layers, a configuration, and an archive or a
// registry that takes them. The same input makes the same bytes.
package image

import (
	"archive/tar"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A File is a file of an image, which root owns and everybody may read.
type File struct {
	Path       string // absolute
	Content    []byte
	Executable bool
}

// A Spec describes an image. It begins from nothing: it has these files and no others.
type Spec struct {
	Layers      [][]File
	Platform    v1.Platform
	Config      v1.Config
	Annotations map[string]string // of the manifest
	Created     time.Time         // of the image and all files
}

// Build returns the image.
func Build(s Spec) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		OS: s.Platform.OS, Architecture: s.Platform.Architecture, Variant: s.Platform.Variant,
		Created: v1.Time{Time: s.Created}, Config: s.Config,
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	for _, files := range s.Layers {
		text, err := archive(files, s.Created)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
			tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: s.Created}, CreatedBy: "wasisock image"}})
		if err != nil {
			return nil, err
		}
	}
	if len(s.Annotations) > 0 {
		img = mutate.Annotations(img, s.Annotations).(v1.Image)
	}
	return img, nil
}

// archive returns a tar archive of files and of the directories above them, sorted by path.
func archive(files []File, at time.Time) ([]byte, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	made := map[string]bool{"/": true}
	var directory func(string) error
	directory = func(name string) error {
		if made[name] {
			return nil
		}
		made[name] = true
		if err := directory(path.Dir(name)); err != nil {
			return err
		}
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name[1:] + "/", Mode: 0o755, ModTime: at})
	}
	for _, f := range files {
		if err := directory(path.Dir(f.Path)); err != nil {
			return nil, err
		}
		mode := int64(0o444)
		if f.Executable {
			mode = 0o555
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Path[1:], Mode: mode, Size: int64(len(f.Content)), ModTime: at}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), w.Close()
}

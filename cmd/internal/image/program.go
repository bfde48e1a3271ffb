package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// command is the package of the program that runs guests in images.
const command = "github.com/wasisock/wasisock/cmd/wasisock"

// Host reads the program wasisock from a file, to run guests in an image. It returns an error,
// with the remedy, for a program that does not run in an image with nothing else in it.
func Host(file string) (p Program, on v1.Platform, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return p, on, err
	}
	info, err := buildinfo.Read(bytes.NewReader(text))
	if err != nil || info.Path != command {
		return p, on, fmt.Errorf("%s is not a wasisock; name one that go install has built", file)
	}
	p = Program{Name: "wasisock", Content: text, Info: info}
	on = v1.Platform{OS: p.Setting("GOOS"), Architecture: p.Setting("GOARCH")}
	if on.OS != "linux" {
		return p, on, fmt.Errorf("%s is for %s, and images are for linux; build one by GOOS=linux CGO_ENABLED=0 go build -o wasisock-linux %s, and name it with --wasisock", file, on.OS, command)
	}
	dynamic, err := NeedsLoader(bytes.NewReader(text))
	if err != nil {
		return p, on, fmt.Errorf("%s: %w", file, err)
	}
	if dynamic {
		return p, on, fmt.Errorf("%s needs shared libraries, which the image has not; build a static one by CGO_ENABLED=0 go build -o wasisock-static %s, or with wasmtime by "+
			"go build -tags netgo,osusergo,wasmtime -ldflags '-linkmode external -extldflags -static' -o wasisock-static %[2]s, and name it with --wasisock", file, command)
	}
	return p, on, nil
}

// NeedsLoader reports whether a program in ELF needs a dynamic linker.
func NeedsLoader(program io.ReaderAt) (bool, error) {
	f, err := elf.NewFile(program)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}

// HasTag reports whether the program was built with a build tag.
func (p Program) HasTag(tag string) bool {
	return slices.Contains(strings.Split(p.Setting("-tags"), ","), tag)
}

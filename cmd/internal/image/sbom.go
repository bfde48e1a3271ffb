package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/internal/wasm"
)

// A Program is a program in an image, and the modules that it was built from.
type Program struct {
	Name    string
	Content []byte
	Info    *debug.BuildInfo // nil if it is not known
}

// Guest returns the program of a module. Its Info is from the text that Go has written into the
// module, where debug/buildinfo does not find it.
func Guest(name string, module []byte) Program {
	// See cmd/go/internal/modload.ModInfoProg: the text is between these two.
	const begin, end = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6", "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
	p := Program{Name: name, Content: module}
	_, rest, _ := bytes.Cut(module, []byte(begin))
	if text, _, ok := bytes.Cut(rest, []byte(end)); ok {
		if info, err := debug.ParseBuildInfo(string(text)); err == nil {
			p.Info = info
			if m, err := wasm.Parse(module); err == nil {
				info.GoVersion = rewrite.GoVersion(m)
			}
		}
	}
	return p
}

// Version returns the version of the main module, or "" if it has none.
func (p Program) Version() string {
	if p.Info == nil || p.Info.Main.Version == "(devel)" {
		return ""
	}
	return p.Info.Main.Version
}

// Setting returns a setting with which the program was built, or "".
func (p Program) Setting(key string) string {
	if p.Info != nil {
		for _, s := range p.Info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}

// SBOM returns a software bill of materials in CycloneDX's JSON: of subject, and of the programs
// that are beside it.
func SBOM(subject Program, beside []Program, at time.Time) ([]byte, error) {
	bom := cdx.NewBOM()
	about := subject.component()
	bom.Metadata = &cdx.Metadata{Timestamp: at.UTC().Format(time.RFC3339), Component: &about}
	all := subject.modules()
	for _, p := range beside {
		c := p.component()
		if modules := p.modules(); len(modules) > 0 {
			c.Components = &modules
		}
		all = append(all, c)
	}
	bom.Components = &all
	var text bytes.Buffer
	err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return text.Bytes(), err
}

func (p Program) component() cdx.Component {
	sum := sha256.Sum256(p.Content)
	c := cdx.Component{
		BOMRef: "file:" + p.Name, Type: cdx.ComponentTypeApplication, Name: p.Name, Version: p.Version(),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	if p.Info != nil && p.Info.Main.Path != "" {
		c.PackageURL = packageURL(p.Info.Main.Path, p.Version())
	}
	return c
}

// modules returns the modules of a program, except the main one, and the standard library.
func (p Program) modules() (all []cdx.Component) {
	if p.Info == nil {
		return nil
	}
	add := func(path, version string) {
		all = append(all, cdx.Component{
			BOMRef: p.Name + ":" + path, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: packageURL(path, version),
		})
	}
	if version := strings.TrimPrefix(p.Info.GoVersion, "go"); version != "" {
		add("std", version)
	}
	for _, m := range p.Info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version)
	}
	return all
}

// packageURL returns the package URL of a Go module.
func packageURL(path, version string) string {
	url := "pkg:golang/" + path
	if version != "" {
		url += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return url
}

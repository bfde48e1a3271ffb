package gocmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Missing is a name that a package lacks on wasip1 and has on other systems.
type Missing struct {
	Module  string // with its version; "" for the main module and for Go files
	Package string
	Names   []string // such as syscall.Setpgid, or "package PATH" for a package without files for wasip1
}

// Missing returns every name that wasip1 lacks and that the packages of a line, or packages that
// they import, need. go build stops at the first such package. A name is missing if its package
// declares it in a file for another system. Names that no file declares are mistakes, which go
// build reports.
func (g *Go) Missing(line Line) ([]Missing, error) {
	out, err := g.Output("list", append([]string{"-e", "-deps", "-json=ImportPath,Name,Dir,GoFiles,IgnoredGoFiles,ImportMap,Standard,DepOnly,Module,Error"}, listFlags(line)...)...)
	if err != nil {
		return nil, err
	}
	overlay, err := readOverlay(g.file)
	if err != nil {
		return nil, err
	}
	c := checker{files: token.NewFileSet(), replace: overlay.Replace, packages: map[string]*checkedPackage{"unsafe": {types: types.Unsafe}}}
	var missing []Missing
	for in := json.NewDecoder(strings.NewReader(out)); ; { // packages come after those that they import
		p := &checkedPackage{}
		if err := in.Decode(p); errors.Is(err, io.EOF) {
			return missing, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.ImportPath == "unsafe" {
			continue
		}
		names := c.check(p)
		if p.excluded() && !p.DepOnly {
			names = append(names, "package "+p.ImportPath)
		}
		if len(names) == 0 {
			continue
		}
		m := Missing{Package: p.ImportPath, Names: names}
		if p.Module != nil && !p.Module.Main {
			m.Module = strings.TrimSpace(p.Module.Path + " " + p.Module.Version)
		}
		missing = append(missing, m)
	}
}

// A checkedPackage is a package of go list, with its types once it is checked.
type checkedPackage struct {
	ImportPath, Name, Dir   string
	GoFiles, IgnoredGoFiles []string
	ImportMap               map[string]string
	Standard, DepOnly       bool
	Module                  *struct {
		Path, Version string
		Main          bool
	}
	Error *struct{ Err string }

	types   *types.Package
	foreign map[string]bool // names that files for other systems declare; T.F is a field or method
}

// excluded reports whether p only has files for other systems.
func (p *checkedPackage) excluded() bool {
	return p.Error != nil && strings.Contains(p.Error.Err, "build constraints exclude all Go files")
}

// A checker finds the names that packages lack.
type checker struct {
	files    *token.FileSet
	replace  map[string]string
	packages map[string]*checkedPackage
}

// parse parses files of p, or those that replace them in the overlay.
func (c *checker) parse(p *checkedPackage, names []string) (files []*ast.File) {
	for _, name := range names {
		name = filepath.Join(p.Dir, name)
		from := name
		if to := c.replace[name]; to != "" {
			from = to
		}
		text, err := os.ReadFile(from)
		if err != nil {
			continue // go build reports it
		}
		if f, _ := parser.ParseFile(c.files, name, text, parser.SkipObjectResolution); f != nil {
			files = append(files, f)
		}
	}
	return files
}

// Messages of go/types about unknown names.
var (
	undefined    = regexp.MustCompile(`^undefined: (?:(\w+)\.)?(\w+)$`)
	unknownField = regexp.MustCompile(`^unknown field (\w+) in struct literal of type (?:([\w./-]+)\.)?(\w+)$`)
	noSelector   = regexp.MustCompile(`undefined \(type \*?(?:([\w./-]+)\.)?(\w+) has no field or method (\w+)`)
)

// check checks the types of p, and returns the missing names that p needs.
func (c *checker) check(p *checkedPackage) []string {
	c.packages[p.ImportPath] = p
	files := c.parse(p, p.GoFiles)
	names := map[string]bool{}
	imported := map[string]*checkedPackage{} // by path and by name
	for _, f := range files {
		for _, spec := range f.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if to, ok := p.ImportMap[path]; ok {
				path = to
			}
			if of := c.packages[path]; of != nil {
				if of.excluded() {
					names["package "+path] = true
				}
				imported[path], imported[of.Name] = of, of
				if spec.Name != nil {
					imported[spec.Name.Name] = of
				}
			}
		}
	}
	imported[""] = p
	lacks := func(err error) {
		var e types.Error
		if p.Standard || !errors.As(err, &e) {
			return
		}
		from, name := "", ""
		if m := undefined.FindStringSubmatch(e.Msg); m != nil {
			from, name = m[1], m[2]
		} else if m := unknownField.FindStringSubmatch(e.Msg); m != nil {
			from, name = m[2], m[3]+"."+m[1]
		} else if m := noSelector.FindStringSubmatch(e.Msg); m != nil {
			from, name = m[1], m[2]+"."+m[3]
		}
		switch of := imported[from]; {
		case of == nil || !c.declares(of, name):
		case of == p:
			names[name] = true
		default:
			names[of.Name+"."+name] = true
		}
	}
	config := types.Config{
		Importer:         importerFor{c, p},
		Sizes:            types.SizesFor("gc", "wasm"),
		IgnoreFuncBodies: p.Standard,
		Error:            lacks,
	}
	p.types, _ = config.Check(p.ImportPath, c.files, files, nil)
	return slices.Sorted(maps.Keys(names))
}

// declares reports whether a file of p for another system declares a name.
func (c *checker) declares(p *checkedPackage, name string) bool {
	if p.foreign == nil {
		p.foreign = map[string]bool{}
		for _, f := range c.parse(p, p.IgnoredGoFiles) {
			for _, d := range f.Decls {
				declared(d, p.foreign)
			}
		}
	}
	return p.foreign[name]
}

// declared adds the names that d declares.
func declared(d ast.Decl, to map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			t := d.Recv.List[0].Type
			if star, ok := t.(*ast.StarExpr); ok {
				t = star.X
			}
			if of, ok := t.(*ast.Ident); ok {
				name = of.Name + "." + name
			}
		}
		to[name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					to[name.Name] = true
				}
			case *ast.TypeSpec:
				to[spec.Name.Name] = true
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range s.Fields.List {
						for _, name := range f.Names {
							to[spec.Name.Name+"."+name.Name] = true
						}
					}
				}
			}
		}
	}
}

// An importerFor imports the packages that p imports.
type importerFor struct {
	c *checker
	p *checkedPackage
}

func (i importerFor) Import(path string) (*types.Package, error) {
	if to, ok := i.p.ImportMap[path]; ok {
		path = to
	}
	if p := i.c.packages[path]; p != nil && p.types != nil {
		return p.types, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

// Report returns the missing names as text: a line for each package.
func Report(missing []Missing) string {
	var b bytes.Buffer
	for _, m := range missing {
		b.WriteString("  ")
		if m.Module != "" {
			fmt.Fprintf(&b, "%s: ", m.Module)
		}
		fmt.Fprintf(&b, "package %s needs %s\n", m.Package, strings.Join(m.Names, ", "))
	}
	return b.String()
}

package stdnet

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// verbatim is the functions of Linux's that need no system, and are copied as they are.
var verbatim = []string{
	"CmsgLen", "CmsgSpace", "cmsgAlignOf", "Cmsghdr.data", "Cmsghdr.SetLen",
	"ParseSocketControlMessage", "socketControlMessageHeaderAndData",
	"UnixRights", "ParseUnixRights", "UnixCredentials", "ParseUnixCredentials",
	"Iovec.SetLen", "Msghdr.SetControllen",
}

// names defines in package syscall every name that it has on Linux and lacks on wasip1, so
// that programs compile which use one without a file for wasip1. Constants and types are
// those of linux/amd64, and functions fail with ENOSYS.
func (g *generator) names() {
	if g.err != nil {
		return
	}
	own, linux := g.declarations("wasip1", "wasm"), g.declarations("linux", "amd64")
	if g.err != nil {
		return
	}
	n := namer{own: own, linux: linux, numbers: map[string]bool{}, same: map[string]string{}, done: map[string]bool{}}
	names := slices.Sorted(maps.Keys(linux.nodes))
	for _, name := range names {
		if v := linux.constant(name); v != nil {
			same, ok := n.same[kind(name)+v.String()]
			if !ok || own.constant(same) == nil && own.constant(name) != nil {
				n.same[kind(name)+v.String()] = name
			}
		}
	}
	for name := range own.nodes {
		if v := own.constant(name); v != nil {
			n.numbers[kind(name)+v.String()] = true
		}
	}
	for _, name := range names {
		if ast.IsExported(name) && !strings.Contains(name, ".") {
			n.define(name)
		}
	}
	for _, name := range verbatim {
		n.define(name)
	}
	for _, name := range append([]string{"LOCK_EX", "EHOSTDOWN", "Termios", "ForkLock", "Mmap"}, verbatim...) {
		if !n.done[name] {
			g.fail("syscall", "%s is not there for linux/amd64, or is there for wasip1", name)
		}
	}
	n.errorTexts(g)
	g.files["syscall/linux_names_wasip1.go"] = fmt.Appendf(nil, "//go:build wasip1\n\npackage syscall\n\n"+
		"import (\n\t\"runtime\"\n\t\"sync\"\n\t\"unsafe\"\n)\n\nconst _ = runtime.GOOS\n\nvar _ sync.Mutex\nvar _ unsafe.Pointer\n\n%s", n.text.Bytes())
}

// A declared lists the declarations of package syscall for a system.
type declared struct {
	nodes map[string]ast.Node // *ast.FuncDecl, *ast.TypeSpec or *ast.ValueSpec, by name; T.M is a method
	texts map[string][]byte   // of files
	files *token.FileSet
	types *types.Package
}

// text returns the source of a node.
func (d *declared) text(n ast.Node) string {
	f := d.files.File(n.Pos())
	return string(d.texts[f.Name()][f.Offset(n.Pos()):f.Offset(n.End())])
}

// constant returns the value of an exported constant, or nil.
func (d *declared) constant(name string) constant.Value {
	if c, ok := d.types.Scope().Lookup(name).(*types.Const); ok && c.Exported() && c.Val().Kind() != constant.Unknown {
		return c.Val()
	}
	return nil
}

// declarations reads package syscall for a system, as the overlay has it.
func (g *generator) declarations(goos, goarch string) *declared {
	d := &declared{nodes: map[string]ast.Node{}, texts: map[string][]byte{}, files: token.NewFileSet()}
	entries, err := fs.ReadDir(g.src, "syscall")
	if err != nil {
		g.fail("syscall", "%w", err)
	}
	for _, e := range entries {
		if name := path.Join("syscall", e.Name()); g.files[name] == nil && isSource(name) {
			d.texts[name] = g.read(name)
		}
	}
	files := d.parse(g, "syscall", goos, goarch)
	for _, f := range files {
		for _, decl := range f.Decls {
			d.add(decl)
		}
	}
	config := types.Config{
		Importer:         abiImporter{d, g},
		Sizes:            types.SizesFor("gc", goarch),
		IgnoreFuncBodies: true,
		Error:            func(error) {}, // other packages are not read
	}
	d.types, _ = config.Check("syscall", d.files, files, nil)
	return d
}

// An abiImporter imports sockabi and no other package of files.
type abiImporter struct {
	d *declared
	g *generator
}

func (i abiImporter) Import(path string) (*types.Package, error) {
	switch path {
	case "unsafe":
		return types.Unsafe, nil
	case abiDirectory:
		config := types.Config{Importer: i, Error: func(error) {}}
		p, _ := config.Check(path, i.d.files, i.d.parse(i.g, path, "wasip1", "wasm"), nil)
		return p, nil
	}
	return nil, errors.New("not read")
}

// parse parses the files of a package for a system: those of texts and of the overlay.
func (d *declared) parse(g *generator, dir, goos, goarch string) (files []*ast.File) {
	maps.Copy(d.texts, g.files)
	for _, name := range slices.Sorted(maps.Keys(d.texts)) {
		text := d.texts[name]
		if path.Dir(name) != dir || !isSource(name) || text == nil {
			continue
		}
		system := build.Context{GOOS: goos, GOARCH: goarch, Compiler: "gc", ReleaseTags: build.Default.ReleaseTags,
			OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
		if ok, err := system.MatchFile(dir, path.Base(name)); err != nil || !ok {
			continue
		}
		f, err := parser.ParseFile(d.files, name, text, parser.SkipObjectResolution)
		if err != nil {
			g.fail(name, "%w", err)
			continue
		}
		files = append(files, f)
	}
	return files
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

func (d *declared) add(decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		name := decl.Name.Name
		if decl.Recv != nil {
			t := decl.Recv.List[0].Type
			if p, ok := t.(*ast.StarExpr); ok {
				t = p.X
			}
			name = t.(*ast.Ident).Name + "." + name
		}
		d.nodes[name] = decl
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				d.nodes[spec.Name.Name] = spec
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					d.nodes[name.Name] = spec
				}
			}
		}
	}
}

// A namer writes what wasip1 lacks.
type namer struct {
	own, linux *declared
	numbers    map[string]bool   // what wasip1's constants are, by kind and number
	same       map[string]string // the first constant that Linux has of a kind and number, wasip1's before others
	done       map[string]bool
	text       bytes.Buffer
}

// kind is the beginning of a constant's name that those have with which it is compared:
// "SO_", or "E" of an error and "SIG" of a signal.
func kind(name string) string {
	if before, _, ok := strings.Cut(name, "_"); ok {
		return before + "_"
	}
	if strings.HasPrefix(name, "SIG") {
		return "SIG"
	}
	return name[:1]
}

// define defines a name of Linux's unless it is defined, and what it is made of.
func (n *namer) define(name string) {
	node, ok := n.linux.nodes[name]
	if _, has := n.own.nodes[name]; has || !ok || n.done[name] {
		return
	}
	n.done[name] = true
	switch node := node.(type) {
	case *ast.TypeSpec:
		fmt.Fprintf(&n.text, "type %s\n\n", n.linux.text(node))
		n.uses(node.Type)
	case *ast.FuncDecl:
		n.function(name, node)
	case *ast.ValueSpec:
		switch object := n.linux.types.Scope().Lookup(name).(type) {
		case *types.Const:
			n.constant(name, object)
		case *types.Var:
			if node.Type != nil {
				fmt.Fprintf(&n.text, "var %s %s\n\n", name, n.linux.text(node.Type))
				n.uses(node.Type)
			}
		}
	}
}

// uses defines the names in a node.
func (n *namer) uses(node ast.Node) {
	ast.Inspect(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Ident:
			n.define(node.Name)
		case *ast.Field: // its own names are others
			n.uses(node.Type)
			return false
		}
		return true
	})
}

// function defines a function that fails, or one of verbatim.
func (n *namer) function(name string, f *ast.FuncDecl) {
	if slices.Contains(verbatim, name) {
		fmt.Fprintf(&n.text, "%s\n\n", n.linux.text(f))
		n.uses(f)
		return
	}
	n.uses(f.Type)
	var results []string
	fails := false
	if f.Type.Results != nil {
		for _, r := range f.Type.Results.List {
			t := n.linux.text(r.Type)
			for range max(len(r.Names), 1) {
				result := fmt.Sprintf("r%d", len(results))
				if t == "error" || t == "Errno" {
					result, fails = "err", true
				}
				results = append(results, result+" "+t)
			}
		}
	}
	body := ""
	switch {
	case fails:
		body = "err = ENOSYS; return"
	case len(results) > 0:
		body = "return"
	}
	fmt.Fprintf(&n.text, "func %s%s (%s) { %s }\n\n", name, n.linux.text(f.Type.Params), strings.Join(results, ", "), body)
}

// constant defines a constant with the number that it has on Linux, unless that means
// something else on wasip1.
func (n *namer) constant(name string, c *types.Const) {
	of := ""
	if t, ok := c.Type().(*types.Named); ok {
		of = t.Obj().Name()
		n.define(of)
	}
	value := c.Val()
	if same, ok := n.same[kind(name)+value.String()]; ok && same != name {
		fmt.Fprintf(&n.text, "const %s = %s\n\n", name, same)
		n.define(same)
		return
	}
	if n.numbers[kind(name)+value.String()] && value.Kind() == constant.Int {
		switch of {
		case "Errno":
			value = constant.BinaryOp(value, token.ADD, constant.MakeInt64(256))
		case "Signal":
			value = constant.BinaryOp(value, token.ADD, constant.MakeInt64(128))
		default:
			value = constant.Shift(value, token.SHL, 16)
		}
	}
	fmt.Fprintf(&n.text, "const %s %s = %s\n\n", name, of, value.ExactString())
}

// errorTexts writes the texts of errors that Linux has, since programs and scripts look for
// these.
func (n *namer) errorTexts(g *generator) {
	table := map[string]string{}
	if spec, ok := n.linux.nodes["errors"].(*ast.ValueSpec); ok && len(spec.Values) == 1 {
		if list, ok := spec.Values[0].(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				if e, ok := e.(*ast.KeyValueExpr); ok {
					table[n.linux.text(e.Key)] = n.linux.text(e.Value)
				}
			}
		}
	}
	fmt.Fprint(&n.text, "var errorstr = [...]string{\n\tENOTCAPABLE: \"capabilities insufficient\", // WASI's own\n")
	written := 0
	for _, name := range slices.Sorted(maps.Keys(n.linux.nodes)) {
		c, ok := n.linux.types.Scope().Lookup(name).(*types.Const)
		if !ok || kind(name) != "E" || !types.Identical(c.Type(), n.linux.types.Scope().Lookup("Errno").Type()) {
			continue
		}
		if text, ok := table[c.Val().String()]; ok && n.same[kind(name)+c.Val().String()] == name {
			fmt.Fprintf(&n.text, "\t%s: %s,\n", name, text)
			written++
		}
	}
	if fmt.Fprint(&n.text, "}\n"); written < 100 {
		g.fail("syscall", "only %d errors have texts for linux/amd64", written)
	}
}

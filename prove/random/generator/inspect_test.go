package generator

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// file counts the constructs of a file.
func (c constructs) file(info *types.Info, file *ast.File) {
	labels := make(map[string]token.Pos)
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.LabeledStmt); ok {
			labels[l.Label.Name] = l.Pos()
		}
		return true
	})
	ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
		switch n := n.(type) {
		case ast.Stmt:
			c.statement(info, n, stack, labels)
		case ast.Expr:
			c.expression(info, n, stack)
		case *ast.FuncDecl:
			c.function(info, n)
		case *ast.Field:
			c.field(info, n, stack)
		case *ast.ValueSpec:
			c.value(n, stack)
		case *ast.TypeSpec:
			if kind := kindOf(info.Defs[n.Name].Type()); strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") {
				c["named integer type"]++
			}
		}
		return true
	})
}

// mark counts name if the condition holds.
func (c constructs) mark(condition bool, name string) {
	if condition {
		c[name]++
	}
}

func (c constructs) statement(info *types.Info, n ast.Stmt, stack []ast.Node, labels map[string]token.Pos) {
	switch n := n.(type) {
	case *ast.IfStmt:
		c["if"]++
		c.mark(n.Init != nil, "if with init")
		_, chained := n.Else.(*ast.IfStmt)
		c.mark(chained, "else if")
		c.mark(n.Else != nil && !chained, "else")
	case *ast.ForStmt:
		c.mark(n.Init != nil && n.Cond != nil && n.Post != nil, "for with three parts")
		c.mark(n.Init == nil && n.Cond != nil, "for with condition")
		c.mark(n.Cond == nil, "for without condition")
	case *ast.RangeStmt:
		t := info.TypeOf(n.X)
		c["range "+kindOf(t)]++
		c.mark(strings.HasPrefix(kindOf(t), "int") || strings.HasPrefix(kindOf(t), "uint"), "range int")
		c.mark(n.Key == nil, "range without variables")
	case *ast.SwitchStmt:
		c.mark(n.Tag != nil, "switch with tag")
		c.mark(n.Tag == nil, "switch without tag")
		c.mark(n.Init != nil, "switch with init")
		c.mark(n.Tag != nil && kindOf(info.TypeOf(n.Tag)) == "string", "switch string")
		for i, clause := range n.Body.List {
			c.mark(clause.(*ast.CaseClause).List == nil && i < len(n.Body.List)-1, "switch with default before the end")
		}
	case *ast.TypeSwitchStmt:
		c["type switch"]++
	case *ast.BranchStmt:
		name := n.Tok.String()
		switch {
		case n.Tok == token.GOTO && labels[n.Label.Name] > n.Pos():
			name += " forward"
		case n.Tok == token.GOTO:
			name += " backward"
		case n.Label != nil:
			name += " label"
		}
		c[name]++
	case *ast.AssignStmt:
		c["assign "+n.Tok.String()]++
		if len(n.Lhs) == 2 && len(n.Rhs) == 1 {
			c.commaOK(n.Rhs[0])
		}
		for _, target := range n.Lhs {
			if id, ok := target.(*ast.Ident); ok && n.Tok != token.DEFINE {
				c.captured(info, id, stack)
			}
		}
	case *ast.IncDecStmt:
		c["assign "+n.Tok.String()]++
	case *ast.DeferStmt:
		c["defer"]++
		_, literal := n.Call.Fun.(*ast.FuncLit)
		c.mark(literal, "defer of function literal")
		if s, ok := n.Call.Fun.(*ast.SelectorExpr); ok {
			c.mark(info.Selections[s] != nil, "defer method")
		}
		for i := len(stack) - 1; i >= 0 && !isFunction(stack[i]); i-- {
			switch stack[i].(type) {
			case *ast.ForStmt, *ast.RangeStmt:
				c["defer in loop"]++
			}
		}
	case *ast.GoStmt:
		c["go"]++
	case *ast.SendStmt:
		c["send"]++
	case *ast.SelectStmt:
		c["select"]++
		for _, clause := range n.Body.List {
			c.mark(clause.(*ast.CommClause).Comm == nil, "select with default")
		}
	case *ast.LabeledStmt:
		c["label"]++
	}
}

func isFunction(n ast.Node) bool {
	switch n.(type) {
	case *ast.FuncLit, *ast.FuncDecl:
		return true
	}
	return false
}

// captured counts an assignment in a function literal to a variable of a function
// around it.
func (c constructs) captured(info *types.Info, id *ast.Ident, stack []ast.Node) {
	object := info.Uses[id]
	for i := len(stack) - 1; i >= 0; i-- {
		if literal, ok := stack[i].(*ast.FuncLit); ok {
			c.mark(object != nil && object.Pos() < literal.Pos() && object.Parent() != object.Pkg().Scope(), "function literal that assigns")
			return
		}
	}
}

func (c constructs) commaOK(e ast.Expr) {
	switch e := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		c["comma ok map"]++
	case *ast.UnaryExpr:
		c.mark(e.Op == token.ARROW, "comma ok chan")
	case *ast.TypeAssertExpr:
		c["comma ok assertion"]++
	}
}

func (c constructs) expression(info *types.Info, n ast.Expr, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		c.binary(info, n)
	case *ast.UnaryExpr:
		c.mark(n.Op == token.NOT, "!")
		c.mark(n.Op == token.ARROW, "receive")
		c["unary "+n.Op.String()]++
	case *ast.StarExpr:
		c.mark(info.Types[n].IsValue(), "unary *")
	case *ast.IndexExpr:
		c["index "+kindOf(info.TypeOf(n.X))]++
		if s, ok := info.TypeOf(n.X).Underlying().(*types.Signature); ok && s != nil {
			c["call with type arguments"]++
		}
	case *ast.SliceExpr:
		c["slice "+kindOf(info.TypeOf(n.X))]++
		c.mark(n.Slice3, "slice with three indices")
	case *ast.TypeAssertExpr:
		c["assertion"]++
	case *ast.FuncLit:
		c["function literal"]++
	case *ast.CompositeLit:
		c["composite "+kindOf(info.TypeOf(n))]++
		if len(n.Elts) > 0 && kindOf(info.TypeOf(n)) == "array" {
			_, indexed := n.Elts[0].(*ast.KeyValueExpr)
			c.mark(indexed, "composite array with index")
		}
	case *ast.SelectorExpr:
		c.selector(info, n)
	case *ast.CallExpr:
		c.call(info, n, stack)
	case *ast.Ident:
		if i, ok := info.Instances[n]; ok {
			c["generic type argument"] += i.TypeArgs.Len()
		}
		c.mark(n.Name == "iota", "iota")
	}
}

func (c constructs) selector(info *types.Info, n *ast.SelectorExpr) {
	if id, ok := n.X.(*ast.Ident); ok {
		if p, ok := info.Uses[id].(*types.PkgName); ok {
			c[p.Name()+"."+n.Sel.Name]++
			return
		}
	}
	s := info.Selections[n]
	if s == nil {
		return
	}
	switch s.Kind() {
	case types.MethodExpr:
		c["method expression"]++
	case types.MethodVal:
		c.mark(len(s.Index()) > 1, "promoted method")
	case types.FieldVal:
		c.mark(len(s.Index()) > 1, "promoted field")
	}
}

func (c constructs) call(info *types.Info, n *ast.CallExpr, stack []ast.Node) {
	if target := info.Types[n.Fun]; target.IsType() {
		c.conversion(info, target.Type, n)
		return
	}
	c.mark(n.Ellipsis.IsValid(), "call with spread")
	switch f := ast.Unparen(n.Fun).(type) {
	case *ast.Ident:
		if _, ok := info.Uses[f].(*types.Builtin); ok {
			name := "call " + f.Name
			c[name]++
			c.mark(n.Ellipsis.IsValid(), name+" spread")
			return
		}
		_, variable := info.Uses[f].(*types.Var)
		c.mark(variable, "call of closure")
		c.mark(f.Name == "bound", "call of method value")
		_, generic := info.Instances[f]
		c.mark(generic, "call of generic function")
		for _, outer := range stack {
			if d, ok := outer.(*ast.FuncDecl); ok {
				c.mark(d.Name.Name == f.Name && d.Recv == nil, "recursive")
			}
		}
	case *ast.SelectorExpr:
		if s := info.Selections[f]; s != nil && types.IsInterface(s.Recv()) {
			c["call through interface"]++
		}
	}
	if s, ok := info.TypeOf(n.Fun).Underlying().(*types.Signature); ok {
		c.mark(s.Variadic(), "call of variadic function")
	}
}

func (c constructs) conversion(info *types.Info, to types.Type, n *ast.CallExpr) {
	if info.Types[n].Value != nil {
		return
	}
	from, target := kindOf(info.TypeOf(n.Args[0])), kindOf(to)
	c["convert "+from+" to "+target]++
	elem := func(t types.Type) string {
		if s, ok := t.Underlying().(*types.Slice); ok {
			return kindOf(s.Elem())
		}
		return ""
	}
	c.mark(from == "int32" && target == "string", "rune to string")
	c.mark(elem(info.TypeOf(n.Args[0])) == "uint8" && target == "string", "bytes to string")
	c.mark(elem(info.TypeOf(n.Args[0])) == "int32" && target == "string", "runes to string")
	c.mark(from == "string" && elem(to) == "uint8", "string to bytes")
	c.mark(from == "string" && elem(to) == "int32", "string to runes")
	c.mark(from == "slice" && target == "array", "slice to array")
}

func (c constructs) function(info *types.Info, n *ast.FuncDecl) {
	s := info.Defs[n.Name].Type().(*types.Signature)
	c.mark(s.TypeParams().Len() > 0, "generic function")
	c.mark(s.Variadic(), "variadic")
	c.mark(s.Results().Len() > 1, "several results")
	c.mark(s.Results().Len() > 0 && s.Results().At(0).Name() != "", "named results")
	c.mark(n.Doc != nil && strings.Contains(n.Doc.List[0].Text, "noinline"), "noinline")
	if s.Recv() != nil {
		_, pointer := s.Recv().Type().(*types.Pointer)
		c.mark(pointer, "method with pointer receiver")
		c.mark(!pointer, "method with value receiver")
	}
}

func (c constructs) field(info *types.Info, n *ast.Field, stack []ast.Node) {
	t := info.TypeOf(n.Type)
	switch stack[len(stack)-2].(type) {
	case *ast.InterfaceType:
		c.mark(len(n.Names) == 0, "embedded interface")
	case *ast.StructType:
		c.mark(len(n.Names) == 0 && kindOf(t) == "struct", "embedded struct")
		c.mark(len(n.Names) == 0 && kindOf(t) == "pointer", "embedded pointer")
		c.mark(len(n.Names) > 0 && kindOf(t) == "struct", "struct in struct")
	}
}

func (c constructs) value(n *ast.ValueSpec, stack []ast.Node) {
	d, ok := stack[len(stack)-1].(*ast.GenDecl)
	switch {
	case ok && d.Tok == token.CONST:
		c.mark(n.Type != nil, "constant with type")
		c.mark(n.Type == nil, "constant without type")
	case ok && len(stack) == 2:
		c["global"]++
	}
	if a, ok := n.Type.(*ast.ArrayType); ok {
		if id, ok := a.Elt.(*ast.Ident); ok {
			c.mark(strings.HasPrefix(id.Name, "S"), "array of structs")
		}
	}
}

package cmd

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a person goes through are the verbs of event.Person, where it is checked.
// No other package makes a record with anything in it or assigns a field of one;
// tests may.
func TestOnlyVerbsChangePeople(t *testing.T) {
	seen := 0
	for _, p := range typed(t, "usher/event") {
		p.inspect(func(n ast.Node) {
			var written []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				written = n.Lhs
			case *ast.IncDecStmt:
				written = []ast.Expr{n.X}
			case *ast.RangeStmt:
				written = []ast.Expr{n.Key, n.Value}
			case *ast.UnaryExpr:
				if _, field := ast.Unparen(n.X).(*ast.SelectorExpr); field && n.Op == token.AND {
					written = []ast.Expr{n.X}
				}
			case *ast.CompositeLit:
				if len(n.Elts) > 0 && isPerson(p.info.TypeOf(n)) {
					t.Errorf("%s makes a record of its own: event.NewPerson does", p.at(n))
				}
			case *ast.SelectorExpr:
				if isPerson(p.info.TypeOf(n.X)) {
					seen++
				}
			}
			for _, e := range written {
				if p.writesPerson(e) {
					t.Errorf("%s changes a person: write a verb in event, beside those of person_verbs.go", p.at(e))
				}
			}
		})
	}
	if seen < 20 {
		t.Errorf("only %d uses of a person's fields were found, so this test is blind", seen)
	}
}

// writesPerson tells whether an assignment to e changes a person that others may
// see: a field of one, or all of it through a pointer.
func (p typedPackage) writesPerson(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			if isPerson(p.info.TypeOf(x.X)) {
				return true
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			if isPerson(p.info.TypeOf(x)) {
				return true
			}
			e = x.X
		default:
			return false
		}
	}
}

func isPerson(t types.Type) bool {
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == "Person" && named.Obj().Pkg().Path() == "usher/event"
}

// typedPackage is a package of ours whose expressions have types.
type typedPackage struct {
	set   *token.FileSet
	files []*ast.File
	info  *types.Info
}

func (p typedPackage) inspect(see func(ast.Node)) {
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			see(n)
			return true
		})
	}
}

func (p typedPackage) at(n ast.Node) token.Position { return p.set.Position(n.Pos()) }

// typed are the packages that import one of ours, without those that bring servers
// along. The compiler's export data tell the types of what they import.
func typed(t *testing.T, imported string) []typedPackage {
	t.Helper()
	list := func(args ...string) []string {
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	var users [][]string
	var names []string
	for _, line := range list("-f", `{{.ImportPath}} {{.Dir}} {{join .GoFiles ","}} {{join .Imports ","}}`, "usher/...") {
		f := strings.Split(line, " ")
		if strings.Contains(","+f[3]+",", ","+imported+",") && !strings.HasPrefix(f[0], "usher/app/e") {
			users, names = append(users, f), append(names, f[0])
		}
	}
	exports := map[string]string{}
	for _, line := range list(append([]string{"-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, names...)...) {
		if path, file, ok := strings.Cut(line, " "); ok {
			exports[path] = file
		}
	}
	var out []typedPackage
	for _, f := range users {
		p := typedPackage{set: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}}
		for _, name := range strings.Split(f[2], ",") {
			file, err := parser.ParseFile(p.set, filepath.Join(f[1], name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, file)
		}
		conf := types.Config{Importer: importer.ForCompiler(p.set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
		if _, err := conf.Check(f[0], p.set, p.files, p.info); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

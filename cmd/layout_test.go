package cmd

import (
	"go/ast"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Within a package, files stand above what they call. Those that call each other are
// named in the package's comment, which says why, in a paragraph with the words "call
// each other". What is not counted: types, the methods of interfaces, and helpers that
// need none of the other files, wherever they stand.
func TestFilesCallOneWay(t *testing.T) {
	all, err := packages.Load(&packages.Config{
		Mode:       packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedFiles | packages.NeedImports,
		BuildFlags: []string{"-tags=noembed,disable_grpc_modules"},
	}, "usher/...")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages were found", len(all))
	}
	for _, p := range all {
		if len(p.Errors) > 0 {
			t.Fatalf("%s: %v", p.PkgPath, p.Errors)
		}
		for _, files := range callsOf(p).circles() {
			said := reasonFor(p)
			if slices.ContainsFunc(files, func(f string) bool { return !strings.Contains(said, f) }) {
				t.Errorf("%s: %s call each other, and the package's comment does not say why", p.PkgPath, strings.Join(files, ", "))
			}
		}
	}
}

// reasonFor is the paragraph of a package's comment about files that call each other.
func reasonFor(p *packages.Package) string {
	for _, f := range p.Syntax {
		for paragraph := range strings.SplitSeq(f.Doc.Text(), "\n\n") {
			if strings.Contains(strings.Join(strings.Fields(paragraph), " "), "call each other") {
				return paragraph
			}
		}
	}
	return ""
}

// calls are which functions of a package call which, and in which file each stands.
type calls struct {
	of   map[types.Object]map[types.Object]bool
	file map[types.Object]string
}

func callsOf(p *packages.Package) calls {
	c := calls{map[types.Object]map[types.Object]bool{}, map[types.Object]string{}}
	each := func(do func(file string, d ast.Decl, f types.Object)) {
		for _, f := range p.Syntax {
			name := filepath.Base(p.Fset.Position(f.Pos()).Filename)
			outside := types.NewLabel(0, p.Types, name) // variables and what they begin with
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					do(name, d, p.TypesInfo.Defs[fn.Name])
				} else {
					do(name, d, outside)
				}
			}
		}
	}
	each(func(file string, _ ast.Decl, f types.Object) { c.file[f] = file })
	each(func(file string, d ast.Decl, f types.Object) {
		c.file[f] = file
		ast.Inspect(d, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			callee, ok := p.TypesInfo.Uses[id].(*types.Func)
			if !ok {
				return true
			}
			if _, own := c.file[callee.Origin()]; own {
				if c.of[f] == nil {
					c.of[f] = map[types.Object]bool{}
				}
				c.of[f][callee.Origin()] = true
			}
			return true
		})
	})
	return c
}

// circles are the files that call each other, without helpers.
func (c calls) circles() (out [][]string) {
	for _, wide := range strong(c.edges(nil)) {
		helpers := map[types.Object]bool{}
		for f, file := range c.file {
			helpers[f] = slices.Contains(wide, file) && !c.reaches(f, file, wide, map[types.Object]bool{})
		}
		for _, circle := range strong(c.edges(helpers)) {
			if slices.Contains(wide, circle[0]) {
				out = append(out, circle)
			}
		}
	}
	return out
}

// reaches tells whether a function of a file needs another one of these files.
func (c calls) reaches(f types.Object, file string, files []string, seen map[types.Object]bool) bool {
	if seen[f] {
		return false
	}
	seen[f] = true
	for g := range c.of[f] {
		if c.file[g] != file && slices.Contains(files, c.file[g]) || c.reaches(g, file, files, seen) {
			return true
		}
	}
	return false
}

// edges are which file calls which, but for calls of helpers.
func (c calls) edges(helpers map[types.Object]bool) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for f, callees := range c.of {
		for g := range callees {
			from, to := c.file[f], c.file[g]
			if from == to || helpers[g] {
				continue
			}
			if out[from] == nil {
				out[from] = map[string]bool{}
			}
			out[from][to] = true
		}
	}
	return out
}

// strong are the groups of nodes that reach each other (Tarjan).
func strong(edges map[string]map[string]bool) (out [][]string) {
	index, low, open := map[string]int{}, map[string]int{}, []string{}
	var visit func(v string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		open = append(open, v)
		for w := range edges[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if slices.Contains(open, w) {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] == index[v] {
			at := slices.Index(open, v)
			if group := slices.Sorted(slices.Values(open[at:])); len(group) > 1 {
				out = append(out, group)
			}
			open = open[:at]
		}
	}
	for _, v := range slices.Sorted(maps.Keys(edges)) {
		if index[v] == 0 {
			visit(v)
		}
	}
	return out
}

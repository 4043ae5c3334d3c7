package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logKeys is the one list of keys that log lines have, with what they hold.
// docs/observability.md shows it to those who search logs.
var logKeys = map[string]string{
	"action": "what an operator did", "attempt": "which try", "bytes": "size of a file", "cause": "why a message is a dead letter",
	"channel": "email or sms", "chore": "id of what a person asked for at a console", "code": "why a file was refused", "consumer": "of JetStream", "crashed": "whether the Go runtime ended the process", "duplicate_of": "import that had the same content",
	"error": "what went wrong", "every": "how often something is looked at", "failed": "items of a chore", "files": "how many", "gone": "items of a chore", "head": "of the trail of who did what", "host": "under which a request came, or of an issuer", "import": "id of an import", "items": "of a chore", "messages": "how many", "open_for": "how long a breaker was open", "page": "of the console", "process": "id of a data folder", "provider": "of messages or accounts", "published": "rows of a file",
	"quiet": "how long a file must be quiet", "reason": "one of a bounded set", "refused": "rows of a file", "result": "how a file, a message or a try ended",
	"rows": "of a file", "state": "of a message", "seq": "place in a stream", "since": "from when on", "stage": "intake, bridge or delivery", "source": "an inbox, or who published", "stack": "where usher failed", "start": "of a process on its data folder", "step": "of a canary user, or about an account", "stream": "of JetStream",
	"times": "how often", "text": "what a server said", "until": "to when", "what": "what is waited for, or was being done",
}

// Every call of a logger has a constant message and keys of the list, so that a
// search finds all and personal data has no place to slip into.
func TestLogLinesUseTheKeysOfOneList(t *testing.T) {
	used := map[string]bool{}
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasSuffix(path, "app/embedded/log.go") { // hands on what Temporal's server says, with its own keys
			return err
		}
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isLogCall(call) {
				return true
			}
			at := files.Position(call.Pos())
			if _, ok := call.Args[0].(*ast.BasicLit); !ok {
				t.Errorf("%s: the message is not constant", at)
			}
			for i := 1; i < len(call.Args); i += 2 {
				lit, ok := call.Args[i].(*ast.BasicLit)
				if attr, isAttr := call.Args[i].(*ast.CallExpr); isAttr && len(attr.Args) == 2 { // slog.String("key", …)
					lit, ok = attr.Args[0].(*ast.BasicLit)
					i--
				}
				if !ok {
					t.Errorf("%s: a key is not constant", at)
					continue
				}
				key, err := strconv.Unquote(lit.Value)
				if err != nil || logKeys[key] == "" {
					t.Errorf("%s: the key %s is not in the list", at, lit.Value)
				}
				used[key] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range logKeys {
		if !used[key] {
			t.Errorf("no log line has the key %s", key)
		}
	}
}

// isLogCall tells x.Log.Info(…), x.log.Warn(…) and the like.
func isLogCall(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) || len(call.Args) == 0 {
		return false
	}
	switch on := method.X.(type) {
	case *ast.SelectorExpr:
		return strings.EqualFold(on.Sel.Name, "log")
	case *ast.Ident:
		return strings.EqualFold(on.Name, "log")
	}
	return false
}

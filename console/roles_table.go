package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher/console/logins"
)

// RolesTable says for each address which roles may call it, as Markdown.
func RolesTable() string {
	var b strings.Builder
	b.WriteString("| address | right |")
	for _, r := range logins.Roles() {
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(logins.Roles())) + "\n")
	for _, t := range routes() {
		right := string(t.right)
		if t.right.Wide() {
			right += ", for all inboxes"
		}
		fmt.Fprintf(&b, "| `%s %s` | %s |", t.method, strings.TrimSuffix(t.path, "{$}"), right)
		for _, r := range logins.Roles() {
			fmt.Fprintf(&b, " %s |", map[bool]string{true: "yes"}[r.May(t.right)])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// CodesTable says with which codes the API refuses, as Markdown.
func CodesTable() string {
	used := map[code]bool{codeNoAddress: true, codeWrongMethod: true}
	for _, t := range apiRoutes() {
		for _, codes := range operations[t.method+" "+t.path].refusals(t) {
			for _, c := range codes {
				used[c] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("| code | status | title |\n| --- | --- | --- |\n")
	for _, c := range slices.SortedFunc(maps.Keys(used), func(a, b code) int {
		return cmp.Or(cmp.Compare(kinds[a].status, kinds[b].status), cmp.Compare(a, b))
	}) {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", c, kinds[c].status, kinds[c].title)
	}
	return b.String()
}

package console

import (
	"fmt"
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

package cmd

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish" placeholder:"SHELL"`
}

// Run executes `usher completion`. The script asks usher itself at each TAB, so it
// stays right when usher is updated.
func (c completionCmd) Run(s *session) error {
	_, err := io.WriteString(s.stdout, completionScripts[c.Shell])
	return err
}

// askComplete is the word by which a script asks; the words of the line follow.
const askComplete = "__complete"

// completeFiles is said where the shell itself knows best: it completes files.
const completeFiles = ":files"

var completionScripts = map[string]string{
	"bash": `# bash completion of usher. Put it into /etc/bash_completion.d, or: source <(usher completion bash)
_usher() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) compopt -o default 2>/dev/null ;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
	done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _usher usher
`,
	"zsh": `#compdef usher
# zsh completion of usher. Put it as _usher into a folder of $fpath, or: source <(usher completion zsh)
_usher() {
	local line files
	local -a found
	for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		:files) files=1 ;;
		?*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
		esac
	done
	(( $#found )) && _describe usher found
	[[ -n $files ]] && _files
	return 0
}
if [[ $funcstack[1] == _usher ]]; then _usher "$@"; else compdef _usher usher; fi
`,
	"fish": `# fish completion of usher. Put it as usher.fish into ~/.config/fish/completions, or: usher completion fish | source
function __usher_complete
	set -l words (commandline -opc) (commandline -ct)
	for line in (command $words[1] __complete $words[2..-1] 2>/dev/null)
		if test "$line" = :files
			__fish_complete_path (commandline -ct)
		else
			echo $line
		end
	end
end
complete -c usher -f -a '(__usher_complete)'
`,
}

// candidate is a word that may come next.
type candidate struct{ word, help string }

// complete prints what may stand in the place of the last word of a line, each with
// what it means.
func complete(out io.Writer, app *kong.Node, words []string) {
	found, files := candidates(app, words)
	if files {
		fmt.Fprintln(out, completeFiles)
	}
	for _, c := range found {
		fmt.Fprintf(out, "%s\t%s\n", c.word, c.help)
	}
}

func candidates(app *kong.Node, words []string) (out []candidate, files bool) {
	words, split := joined(words)
	last := words[len(words)-1]
	at, given := place(app, words[:len(words)-1])
	name, value, assigned := strings.Cut(last, "=")
	switch {
	case at.value != nil:
		return values(at.value, last, "")
	case assigned && strings.HasPrefix(name, "--"):
		f := flagOf(at.node, strings.TrimPrefix(name, "--"))
		if f == nil {
			return nil, false
		}
		if split { // the shell completes what stands behind =
			name = ""
		} else {
			name += "="
		}
		return values(f, value, name)
	case strings.HasPrefix(last, "-"):
		for _, f := range flagsOf(at.node) {
			if word := "--" + f.Name; !f.Hidden && strings.HasPrefix(word, last) {
				out = append(out, candidate{word, firstSentence(f.Help)})
			}
		}
		return out, false
	}
	for _, c := range at.node.Children {
		if given == 0 && !c.Hidden && strings.HasPrefix(c.Name, last) {
			out = append(out, candidate{c.Name, firstSentence(c.Help)})
		}
	}
	for i, p := range at.node.Positional {
		if i == given || i < given && i == len(at.node.Positional)-1 && p.Target.Kind() == reflect.Slice {
			more, path := argumentsOf(p, last)
			out, files = append(out, more...), files || path
		}
	}
	return out, files
}

// joined puts words together again that a shell has split at =; split tells that the
// last one is such.
func joined(words []string) (out []string, split bool) {
	for i := 0; i < len(words); i++ {
		if words[i] == "=" && len(out) > 0 && strings.HasPrefix(out[len(out)-1], "--") {
			value := ""
			if i++; i < len(words) {
				value = words[i]
			}
			out[len(out)-1] += "=" + value
			split = i >= len(words)-1
			continue
		}
		out = append(out, words[i])
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return out, split
}

// spot is where a line has come to: a command, and the flag whose value is next.
type spot struct {
	node  *kong.Node
	value *kong.Flag
}

// place follows the words of a line; given counts arguments.
func place(app *kong.Node, words []string) (at spot, given int) {
	at.node = app
	for _, w := range words {
		if at.value != nil {
			at.value = nil
			continue
		}
		if name, ok := strings.CutPrefix(w, "--"); ok {
			if f := flagOf(at.node, name); f != nil && !f.IsBool() {
				at.value = f
			}
			continue
		}
		i := slices.IndexFunc(at.node.Children, func(c *kong.Node) bool { return c.Name == w })
		if i < 0 || given > 0 {
			given++
			continue
		}
		at.node = at.node.Children[i]
	}
	return at, given
}

// flagsOf are the flags that may stand here: of the command, of those above it and of
// the one that it runs without another word.
func flagsOf(n *kong.Node) (out []*kong.Flag) {
	out = append(out, n.Flags...)
	if n.DefaultCmd != nil {
		out = append(out, n.DefaultCmd.Flags...)
	}
	for up := n.Parent; up != nil; up = up.Parent {
		out = append(out, up.Flags...)
	}
	return out
}

func flagOf(n *kong.Node, name string) *kong.Flag {
	for _, f := range flagsOf(n) {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// values are those that a flag may have, behind a beginning that stays.
func values(f *kong.Flag, last, begin string) (out []candidate, files bool) {
	for _, c := range enumOf(f.Value) {
		if strings.HasPrefix(c, last) {
			out = append(out, candidate{begin + c, ""})
		}
	}
	return out, f.Tag.Type == "path" || slices.Contains([]string{"FILE", "DIR"}, f.PlaceHolder)
}

// argumentsOf are the words that an argument may be.
func argumentsOf(p *kong.Positional, last string) (out []candidate, files bool) {
	for _, c := range enumOf(p) {
		if strings.HasPrefix(c, last) {
			out = append(out, candidate{c, ""})
		}
	}
	return out, p.Tag.Type == "path" || p.Tag.Type == "existingfile" || strings.Contains(p.Tag.PlaceHolder, "FILE")
}

func enumOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// firstSentence is enough beside a word.
func firstSentence(help string) string {
	s, _, _ := strings.Cut(strings.ReplaceAll(help, "\n", " "), ". ")
	return strings.TrimSuffix(s, ".")
}

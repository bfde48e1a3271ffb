package cli

import (
	"fmt"
	"slices"
	"strings"
)

// A Topic is a page of help that describes no command.
type Topic struct {
	Name  string
	Short string
	Text  string      // in the form of a Command's texts
	Table [][2]string // rows below Text: a term and its meaning
}

// Help returns the output of the program's --help.
func (p *Program) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s COMMAND [ARGUMENTS]\n\n%s\n\nCommands:\n", p.Name, wrap(plain(p.Long), 0))
	width := 0
	for _, c := range p.All() {
		width = max(width, len(c.Name))
	}
	for _, t := range p.Topics {
		width = max(width, len(t.Name))
	}
	for _, c := range p.All() {
		if !c.Hidden {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, c.Name, c.Short)
		}
	}
	b.WriteString("\nTopics:\n")
	for _, t := range p.Topics {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, t.Name, t.Short)
	}
	fmt.Fprintf(&b, "\n%s COMMAND --help explains a command, and %s help TOPIC a topic.\n", p.Name, p.Name)
	return b.String()
}

// HelpOf returns the output of a command's --help, without its rare flags. If the command has
// many flags, Long and the empty lines between groups are left out.
func (p *Program) HelpOf(c *Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n", p.usage(c))
	const many = 20
	if len(c.Flags) < many {
		fmt.Fprintf(&b, "%s\n\n", wrap(plain(c.Long), 0))
	}
	shown := slices.DeleteFunc(slices.Clone(c.Flags), func(f Flag) bool { return f.Rare })
	for line := range strings.Lines(c.Examples) {
		fmt.Fprintf(&b, "  %s\n", strings.TrimRight(line, "\n"))
	}
	group := ""
	width := 0
	for _, f := range shown {
		width = max(width, len(f.spelling()))
	}
	for i, f := range shown {
		if i == 0 && f.Group == "" {
			b.WriteString("\nFlags:\n")
		}
		if f.Group != group {
			if group = f.Group; len(c.Flags) < many || i == 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "%s:\n", group)
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, f.spelling(), f.summary())
	}
	if c.Page != "" || slices.ContainsFunc(c.Flags, func(f Flag) bool { return f.Long != "" }) {
		more := "More"
		if len(shown) < len(c.Flags) {
			more = "More flags"
		}
		fmt.Fprintf(&b, "\n%s: docs/cli/%s, or man %s-%s.\n", more, p.file(c.Name), p.Name, c.Name)
	}
	return b.String()
}

func (p *Program) usage(c *Command) string {
	return strings.TrimRight(p.Name+" "+c.Name+" "+c.Args, " ")
}

// spelling returns a flag with its letter and the placeholder of its value.
func (f Flag) spelling() string {
	text := "--" + f.Name
	switch {
	case f.Alone != "":
		text += "[=" + f.Value + "]"
	case f.Value != "":
		text += " " + f.Value
	}
	if f.Letter != "" {
		text = "-" + f.Letter + ", " + text
	}
	return text
}

// summary returns the line that explains a flag, with the default.
func (f Flag) summary() string {
	text := plain(f.Short)
	if f.Default != "" {
		text += " (default " + f.Default + ")"
	}
	return text
}

// HelpOn returns the output of help for a topic.
func (p *Program) HelpOn(t Topic) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", wrap(plain(t.Text), 0))
	if len(t.Table) > 0 {
		b.WriteByte('\n')
	}
	width := 0
	for _, row := range t.Table {
		width = max(width, len(row[0]))
	}
	for _, row := range t.Table {
		text := wrap(plain(row[1]), width+4)
		fmt.Fprintf(&b, "  %-*s  %s\n", width, row[0], strings.TrimLeft(text, " "))
	}
	return b.String()
}

// helpCommand returns the command help, which explains commands and topics.
func (p *Program) helpCommand() *Command {
	var words []string
	for _, c := range p.Commands {
		words = append(words, c.Name)
	}
	words = append(words, "help", "completion")
	for _, t := range p.Topics {
		words = append(words, t.Name)
	}
	return &Command{
		Name: "help", Args: "[COMMAND|TOPIC]", Short: "explain a command or a topic",
		Long:     "Explains a command or a topic, or lists all of them.",
		Examples: p.Name + " help\n" + p.Name + " help run\n" + p.Name + " help exit-codes",
		Complete: words, Words: true,
		Run: func(l Line) int {
			if len(l.Args) == 0 {
				fmt.Fprint(p.Stdout, p.Help())
				return 0
			}
			name := l.Args[0]
			if c := p.command(name); c != nil {
				fmt.Fprint(p.Stdout, p.HelpOf(c))
				return 0
			}
			for _, t := range p.Topics {
				if t.Name == name {
					fmt.Fprint(p.Stdout, p.HelpOn(t))
					return 0
				}
			}
			return p.fail(fmt.Errorf("no command or topic is called %q%s; see %s help", name, didYouMean(name, words, ""), p.Name))
		},
	}
}

// plain returns text without the marks of code.
func plain(text string) string { return strings.ReplaceAll(text, "`", "") }

// columns is the length of the longest lines.
const columns = 90

// wrap breaks paragraphs into lines that begin with indent spaces. Lines of code stay as they are.
func wrap(text string, indent int) string {
	var all []string
	for _, part := range paragraphs(text) {
		if isCode(part) {
			all = append(all, part)
			continue
		}
		var lines []string
		line := ""
		for _, word := range strings.Fields(part) {
			if line != "" && indent+len(line)+1+len(word) > columns {
				lines = append(lines, strings.Repeat(" ", indent)+line)
				line = ""
			}
			line = strings.TrimLeft(line+" "+word, " ")
		}
		all = append(all, strings.Join(append(lines, strings.Repeat(" ", indent)+line), "\n"))
	}
	return strings.Join(all, "\n\n")
}

func paragraphs(text string) []string { return strings.Split(strings.Trim(text, "\n"), "\n\n") }

func isCode(paragraph string) bool { return strings.HasPrefix(paragraph, "    ") }

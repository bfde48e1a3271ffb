package cli

import (
	"fmt"
	"strings"
)

// Pages returns the program's pages in Markdown and for man, keyed by their file names.
func (p *Program) Pages() (markdown, man map[string]string) {
	markdown, man = map[string]string{}, map[string]string{}
	markdown[p.file("")], man[p.Name+".1"] = p.overview(true), p.overview(false)
	for _, c := range p.All() {
		markdown[p.file(c.Name)], man[p.Name+"-"+c.Name+".1"] = p.page(c, true), p.page(c, false)
	}
	for _, t := range p.Topics {
		markdown[t.Name+".md"], man[p.Name+"-"+t.Name+".7"] = p.topic(t, true), p.topic(t, false)
	}
	return markdown, man
}

// file returns the file name of a command's page in Markdown, or for "" of the program's.
func (p *Program) file(command string) string {
	if command == "" {
		return p.Name + ".md"
	}
	return p.Name + "_" + command + ".md"
}

// A page builds the text of a page in Markdown or for man.
type page struct {
	strings.Builder
	markdown bool
}

func (p *Program) begin(markdown bool, section int, title ...string) *page {
	b := &page{markdown: markdown}
	if markdown {
		fmt.Fprintf(b, "<!-- Made from the definitions of %s by go test ./cmd/%[1]s -run TestGenerated -args -update. -->\n\n# %s\n", p.Name, strings.Join(title, " "))
	} else {
		fmt.Fprintf(b, ".\\\" Made from the definitions of %s.\n.TH %s %d \"\" %s\n", p.Name, strings.ToUpper(strings.Join(title, "-")), section, p.Name)
	}
	return b
}

func (b *page) heading(level int, text string) {
	switch {
	case b.markdown:
		fmt.Fprintf(b, "\n%s %s\n", strings.Repeat("#", level+1), text)
	case level == 1:
		fmt.Fprintf(b, ".SH %s\n", strings.ToUpper(roff(text)))
	default:
		fmt.Fprintf(b, ".SS %s\n", roff(text))
	}
}

// text writes the paragraphs of text.
func (b *page) text(text string) {
	for _, part := range paragraphs(text) {
		switch {
		case b.markdown:
			fmt.Fprintf(b, "\n%s\n", part)
		case isCode(part):
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(part))
		default:
			fmt.Fprintf(b, ".PP\n%s\n", bold(part))
		}
	}
}

// code writes lines of code.
func (b *page) code(text string) {
	b.text("    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    "))
}

// item writes a term and its meaning, which may be several paragraphs.
func (b *page) item(term, text string) {
	if b.markdown {
		text = strings.ReplaceAll(strings.Join(paragraphs(text), "\n\n"), "\n", "\n  ")
		fmt.Fprintf(b, "\n- `%s`: %s\n", term, strings.ReplaceAll(text, "\n  \n", "\n\n"))
		return
	}
	fmt.Fprintf(b, ".TP\n.B %s\n", roff(term))
	for i, part := range paragraphs(text) {
		if i > 0 {
			b.WriteString(".IP\n")
		}
		if isCode(part) {
			fmt.Fprintf(b, ".nf\n%s\n.fi\n", roff(part))
		} else {
			fmt.Fprintf(b, "%s\n", bold(part))
		}
	}
}

func (b *page) table(rows [][2]string) {
	if b.markdown && len(rows) > 0 {
		b.WriteString("\n| | |\n|---|---|\n")
	}
	for _, row := range rows {
		if b.markdown {
			fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(row[0], "|", "\\|"), row[1])
		} else {
			b.item(row[0], row[1])
		}
	}
}

func (p *Program) overview(markdown bool) string {
	b := p.begin(markdown, 1, p.Name)
	b.name(p.Name, p.Short)
	b.heading(1, "Synopsis")
	b.code(p.Name + " COMMAND [ARGUMENTS]\n" + p.Name + " --version")
	b.heading(1, "Description")
	b.text(p.Long)
	b.heading(1, "Commands")
	for _, c := range p.All() {
		b.entry(p.Name+" "+c.Name, p.file(c.Name), c.Short)
	}
	b.heading(1, "Topics")
	for _, t := range p.Topics {
		b.entry(t.Name, t.Name+".md", t.Short)
	}
	return b.String()
}

// entry writes a link to another page, or for man its name.
func (b *page) entry(name, file, short string) {
	if b.markdown {
		fmt.Fprintf(b, "\n- [%s](%s): %s\n", name, file, short)
	} else {
		b.item(strings.ReplaceAll(name, " ", "-"), short)
	}
}

func (b *page) name(name, short string) {
	if b.markdown {
		b.text(sentence(short))
	} else {
		fmt.Fprintf(b, ".SH NAME\n%s \\- %s\n", roff(name), roff(plain(short)))
	}
}

func (p *Program) page(c *Command, markdown bool) string {
	b := p.begin(markdown, 1, p.Name, c.Name)
	b.name(p.Name+"-"+c.Name, c.Short)
	b.heading(1, "Synopsis")
	b.code(p.usage(c))
	b.heading(1, "Description")
	b.text(c.Long)
	if c.Examples != "" {
		b.heading(1, "Examples")
		b.code(c.Examples)
	}
	group := ""
	for i, f := range c.Flags {
		if i == 0 {
			b.heading(1, "Flags")
		}
		if f.Group != group {
			group = f.Group
			b.heading(2, group)
		}
		text := sentence(f.summary())
		if f.Many {
			text += " May be repeated."
		}
		if long := strings.Trim(f.Long, "\n"); long != "" {
			text += " " + long
		}
		b.item(f.spelling(), text)
	}
	if c.Page != "" {
		b.heading(1, "Notes")
		b.text(c.Page)
	}
	return b.String()
}

func (p *Program) topic(t Topic, markdown bool) string {
	title := []string{p.Name, t.Name}
	b := p.begin(markdown, 7, title...)
	b.name(strings.Join(title, "-"), t.Short)
	if !markdown {
		b.heading(1, "Description")
	}
	b.text(t.Text)
	b.table(t.Table)
	return b.String()
}

// sentence returns a line, which begins in lower case, as a sentence.
func sentence(line string) string {
	return strings.ToUpper(line[:1]) + line[1:] + "."
}

// roff escapes text for man.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(text)
	return strings.ReplaceAll(strings.TrimPrefix("\n"+text, "\n"), "\n.", "\n\\&.")
}

// bold escapes text for man, with code in bold.
func bold(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			fmt.Fprintf(&b, `\fB%s\fR`, roff(part))
		} else {
			b.WriteString(roff(part))
		}
	}
	if strings.HasPrefix(b.String(), ".") {
		return `\&` + b.String()
	}
	return b.String()
}

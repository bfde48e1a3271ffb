package generator

import (
	"fmt"
	"regexp"
)

var placeholder = regexp.MustCompile(`\$[a-z]+`)

// fill returns a template with values in place of names such as $x. pairs are the
// names, each followed by its value: a string, a number, a *typ or a *variable. $site
// is the number of the next fold.
func (p *program) fill(template string, pairs ...any) string {
	values := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		var s string
		switch v := pairs[i+1].(type) {
		case *typ:
			s = v.name
		case *variable:
			s = v.name
		case string:
			s = bare(v)
		default:
			s = fmt.Sprint(v)
		}
		values["$"+pairs[i].(string)] = s
	}
	return placeholder.ReplaceAllStringFunc(template, func(name string) string {
		if name == "$site" {
			return fmt.Sprint(p.site())
		}
		s, ok := values[name]
		if !ok {
			panic("no value for " + name + " in " + template)
		}
		return s
	})
}

// emit writes a template with values in place of names, as fill does.
func (b *body) emit(template string, pairs ...any) {
	b.text = append(append(b.text, b.fill(template, pairs...)...), '\n')
}

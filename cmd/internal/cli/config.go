package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A kind is the type of a flag's values in a configuration file.
type kind int

const (
	text kind = iota
	boolean
	number
	bytesOrText
	duration
	argument // text or a number
)

func (f Flag) kind() kind {
	switch f.Value {
	case "":
		return boolean
	case "N":
		return number
	case "BYTES":
		return bytesOrText
	case "DURATION":
		return duration
	case "ARGUMENT":
		return argument
	}
	return text
}

// want describes the values of a kind, for errors.
var want = map[kind]string{
	text: "text", boolean: "true or false", number: "a number", bytesOrText: "a number of bytes, or text such as 64M",
	duration: "text such as 10s", argument: "text",
}

// tags lists the YAML tags that values of a kind may have.
var tags = map[kind][]string{
	text: {"!!str"}, boolean: {"!!bool"}, number: {"!!int"}, bytesOrText: {"!!int", "!!str"}, duration: {"!!str"},
	argument: {"!!str", "!!int", "!!float"},
}

// InFile returns the flags that a configuration file may name.
func InFile(flags []Flag) []Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f Flag) bool { return f.LineOnly })
}

// Configure sets flags from a file in YAML, or JSON, which is YAML too, and returns their values.
// The keys of the file are the names of flags. Flags that may be repeated have lists. An error
// names the file and the line.
func Configure(file string, flags []Flag) (Given, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(file, ".json") { // tabs may indent JSON, but not YAML
		content = bytes.ReplaceAll(content, []byte("\t"), []byte(" "))
	}
	var document, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(content))
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return Given{}, nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if d.Decode(&more) != io.EOF {
		return nil, fmt.Errorf("%s:%d: a second document begins: put everything into one", file, more.Line)
	}
	given := Given{}
	at := func(n *yaml.Node, err error) error { return fmt.Errorf("%s:%d: %w", file, n.Line, err) }
	top := document.Content[0]
	switch {
	case top.Kind == yaml.ScalarNode && top.Tag == "!!null":
		return given, nil
	case top.Kind != yaml.MappingNode:
		return nil, at(top, errors.New("want keys with values, such as listen: [':8080']"))
	}
	var names []string
	for _, f := range flags {
		names = append(names, f.Name)
	}
	for i := 0; i < len(top.Content); i += 2 {
		key, node := top.Content[i], top.Content[i+1]
		n := slices.Index(names, key.Value)
		switch {
		case n < 0:
			return nil, at(key, fmt.Errorf("unknown key %q%s", key.Value, didYouMean(key.Value, names, "")))
		case given[key.Value] != nil:
			return nil, at(key, fmt.Errorf("the key %q is there twice", key.Value))
		}
		f := flags[n]
		values, bad, err := f.values(node)
		if err != nil {
			return nil, at(bad, fmt.Errorf("%s: %w", f.Name, err))
		}
		given[f.Name] = []string{}
		for _, v := range values {
			if err := f.Set(v.Value); err != nil {
				return nil, at(v, fmt.Errorf("%s: %w", f.Name, err))
			}
			given[f.Name] = append(given[f.Name], v.Value)
		}
	}
	return given, nil
}

// values returns the values that n has for a flag. If one has a wrong type, it returns that one
// and an error.
func (f Flag) values(n *yaml.Node) (all []*yaml.Node, bad *yaml.Node, err error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case f.Many && n.Kind != yaml.SequenceNode:
		return nil, n, errors.New("want a list")
	case !f.Many && n.Kind != yaml.ScalarNode:
		return nil, n, fmt.Errorf("want %s, and no list", want[f.kind()])
	}
	all = []*yaml.Node{n}
	if f.Many {
		all = n.Content
	}
	for i, v := range all {
		if v.Kind == yaml.AliasNode {
			v = v.Alias
			all[i] = v
		}
		ok := slices.Contains(tags[f.kind()], v.Tag) || f.Alone != "" && v.Tag == "!!bool"
		if v.Kind != yaml.ScalarNode || !ok {
			return nil, v, fmt.Errorf("want %s, not %s", want[f.kind()], describe(v))
		}
	}
	return all, nil, nil
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!str":
		return strconv.Quote(n.Value)
	}
	return n.Value + "; text needs quotes"
}

// Over returns the values of g, replaced by those of over. For flags that may be repeated, the
// values of over are added to those of g.
func (g Given) Over(flags []Flag, over Given) Given {
	all := Given{}
	for _, f := range flags {
		switch {
		case f.Many && len(g[f.Name])+len(over[f.Name]) > 0:
			all[f.Name] = slices.Concat(g[f.Name], over[f.Name])
		case over[f.Name] != nil:
			all[f.Name] = over[f.Name]
		case g[f.Name] != nil:
			all[f.Name] = g[f.Name]
		}
	}
	return all
}

// PrintConfig writes a configuration file with the given values, and the defaults of other flags
// in comments.
func PrintConfig(w io.Writer, flags []Flag, given Given) error {
	top := &yaml.Node{Kind: yaml.MappingNode}
	defaults := ""
	for _, f := range flags {
		values := given[f.Name]
		if values == nil {
			if f.Default != "" {
				defaults += fmt.Sprintf("# %s: %s\n", f.Name, f.Default)
			}
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, v := range values {
			n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
			switch on, err := strconv.ParseBool(v); {
			case f.kind() == number:
				n.Tag = "!!int"
			case err == nil && f.kind() == boolean:
				n.Tag, n.Value = "!!bool", strconv.FormatBool(on)
			case f.Alone != "" && (v == "true" || v == "false"):
				n.Tag = "!!bool"
			}
			list.Content = append(list.Content, n)
		}
		value := list
		if !f.Many {
			value = list.Content[0]
		}
		top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: f.Name}, value)
	}
	if len(top.Content) > 0 {
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		if err := errors.Join(e.Encode(top), e.Close()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "# Defaults:\n"+defaults)
	return err
}

// Schema returns the JSON schema of a configuration file.
func Schema(title string, flags []Flag) string {
	type schema map[string]any
	properties := schema{}
	for _, f := range flags {
		var s schema
		switch f.kind() {
		case boolean:
			s = schema{"type": "boolean"}
		case number:
			s = schema{"type": "integer", "minimum": 1}
		case bytesOrText:
			s = schema{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^[1-9][0-9]*[KMG]?$"}
		case duration:
			s = schema{"type": "string", "pattern": `^(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$`}
		case argument:
			s = schema{"type": []string{"string", "number"}}
		default:
			s = schema{"type": "string"}
			if f.Alone != "" {
				s["type"] = []string{"string", "boolean"}
			}
		}
		if f.Words != nil {
			words := []any{}
			for _, w := range f.Words {
				words = append(words, w)
			}
			if f.Alone != "" {
				words = append(words, true, false)
			}
			s["enum"] = words
		}
		if f.Many {
			s = schema{"type": "array", "items": s}
		}
		s["description"] = sentence(f.summary())
		properties[f.Name] = s
	}
	made, err := json.MarshalIndent(schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title,
		"type": "object", "additionalProperties": false, "properties": properties,
	}, "", "  ")
	if err != nil {
		panic(err) // impossible: it has only maps, texts, numbers and booleans
	}
	return string(made) + "\n"
}

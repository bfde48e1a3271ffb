package options

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/wasisock/wasisock/host"
)

// ReadPolicy reads rules from a file in YAML: lists under allow and deny. An error
// names the file and the line.
func ReadPolicy(file string) (rules []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lists struct{ Allow, Deny []yaml.Node }
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&lists); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w; write lists of rules under allow and deny", file, err)
	}
	if d.Decode(new(yaml.Node)) != io.EOF {
		return nil, fmt.Errorf("%s: it holds a second document; one is read: put all rules into it", file)
	}
	for _, list := range []struct {
		before string
		nodes  []yaml.Node
	}{{"", lists.Allow}, {"deny ", lists.Deny}} {
		for _, n := range list.nodes {
			err := errors.New("it is not a rule; write one in quotes")
			if n.Kind == yaml.ScalarNode {
				rules = append(rules, list.before+n.Value)
				_, err = host.ParsePolicy(list.before + n.Value)
			}
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n.Line, err)
			}
		}
	}
	return rules, nil
}

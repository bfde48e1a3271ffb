//go:build linux || darwin

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/wasisock/wasisock/cmd/internal/cli"
)

func printConfig(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := start(t, append([]string{"run", "--print-config"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("%q: %d, %q", args, code, stderr)
	}
	kept, _, _ := strings.Cut(stdout, "# Defaults:")
	for _, line := range []string{"no-confine: true\n", "cache: " + filepath.Join(scratch, "cache") + "\n"} { // of start
		kept = strings.Replace(kept, line, "", 1)
	}
	return kept
}

func TestConfig(t *testing.T) {
	t.Setenv("HOME", "/root")
	const text = `allow: [resolve *]
env: [A=1]
grace: 5s
max-sockets: 10
watch: true
trace: true
args: [args, -n, 5]
guest: GUEST
`
	config := file(t, "c.yaml", strings.ReplaceAll(text, "GUEST", guest(t)))
	code, stdout, stderr := start(t, "run", "--config", config, "--watch=false", "--trace=false")
	if code != 0 || stderr != "" || !strings.HasSuffix(stdout, `"args" "-n" "5"]`+"\n") {
		t.Errorf("%d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr = start(t, "run", "--config", config, "--watch=false", "--trace=false", "--env", "B=2", "GUEST", "env")
	if code != 0 || stderr != "" || stdout != `["A=1" "B=2"]`+"\n" {
		t.Errorf("the command line over the file: %d, %q, %q", code, stdout, stderr)
	}
	got := printConfig(t, "--config", config, "--allow", "resolve x", "-grace=7s", "--watch=0", "x.wasm", "--config")
	const want = `allow:
  - resolve *
  - resolve x
watch: false
grace: 7s
env:
  - A=1
max-sockets: 10
trace: true
guest: x.wasm
args:
  - --config
`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"grace: 1s\nalow: [x]\n":               `:2: unknown key "alow" (did you mean allow?)`,
		"config: x":                            `:1: unknown key "config"`,
		"allow: resolve x":                     ":1: allow: want a list",
		"\nallow:\n- resolve x\n- [resolve x]": ":4: allow: want text, not a list",
		"allow:\n- resolve x\n- dial x":        `:3: allow: rule "dial x": `,
		"grace: 10":                            ":1: grace: want text such as 10s, not 10; text needs quotes",
		"grace: [10s]":                         ":1: grace: want text such as 10s, and no list",
		"grace:":                               ":1: grace: want text such as 10s, not nothing",
		"grace: long":                          `:1: grace: invalid duration "long"`,
		"max-sockets: many":                    `:1: max-sockets: want a number, not "many"`,
		"max-memory: 1.5":                      ":1: max-memory: want a number of bytes, or text such as 64M, not 1.5",
		"watch: yes":                           `:1: watch: want true or false, not "yes"`,
		"env: [A: b]":                          ":1: env: want text, not keys with values",
		"grace: 1s\ngrace: 2s":                 `:2: the key "grace" is there twice`,
		"- grace":                              ":1: want keys with values, such as listen: [':8080']",
		"grace: 1s\n---\ngrace: 1s":            ":2: a second document begins",
		"grace: [":                             ": yaml: ",
		`{"watch": true, "cpu-time": "1s", "x": 1}`: `:1: unknown key "x"`,
	} {
		config := file(t, "c.yaml", text)
		code, stdout, stderr := start(t, "run", "--config", config, "GUEST", "exit", "0")
		if code != 125 || stdout != "" || !strings.HasPrefix(stderr, "wasisock: "+config+want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %d, %q, %q; want %q", text, code, stdout, stderr, want)
		}
	}
	if code, _, stderr := start(t, "run", "--config", "none.yaml"); code != 125 || !strings.Contains(stderr, "open none.yaml") {
		t.Errorf("%d, %q", code, stderr)
	}
	if code, _, stderr := start(t, "run", "--config", file(t, "e.yaml", "# nothing\n")); code != 125 || !strings.Contains(stderr, "no guest was named") {
		t.Errorf("%d, %q", code, stderr)
	}
}

// TestSchema compares the schema with the command: both accept example files, and refuse files with
// one mistake each.
func TestSchema(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(configSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/root")
	examples, err := filepath.Glob("../../examples/config/*")
	if err != nil || len(examples) < 2 {
		t.Fatalf("%q, %v", examples, err)
	}
	for _, example := range examples {
		text, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(schema, text); err != nil {
			t.Errorf("%s: %v", example, err)
		}
		printed := printConfig(t, "--config", example)
		if err := conforms(schema, []byte(printed)); err != nil {
			t.Errorf("%s: what --print-config prints: %v", example, err)
		}
		again := file(t, "again.yaml", printed)
		if got := printConfig(t, "--config", again); got != printed {
			t.Errorf("%s: %s\nwant %s", example, got, printed)
		}
	}
	if err := conforms(schema, []byte(configExample)); err != nil {
		t.Errorf("the example of help: %v", err)
	}
	for _, bad := range []string{
		"alow: [x]", "allow: x", "allow: [[x]]", "grace: 10", "grace: long", "grace:", "max-sockets: many", "max-sockets: 0", "max-memory: 1.5", "max-memory: 1X",
		"watch: yes", "env: [A: b]", "restart: sometimes", "trace: xml", "engine: 1", "- grace", "config: x",
	} {
		_, refused := cli.Configure(file(t, "bad.yaml", bad), newRunOptions().configKeys(new([]string)))
		if err := conforms(schema, []byte(bad)); err == nil || refused == nil {
			t.Errorf("%s: the schema says %v, the command %v", bad, err, refused)
		}
	}
}

// conforms returns an error if a file in YAML does not conform to schema. It supports the parts of
// JSON schema that ours uses.
func conforms(schema map[string]any, text []byte) error {
	var yamlValue any
	if err := yaml.Unmarshal(text, &yamlValue); err != nil {
		return err
	}
	inJSON, err := json.Marshal(yamlValue)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(inJSON, &value); err != nil {
		return err
	}
	return validate(schema, value)
}

func validate(schema map[string]any, value any) error {
	types, ok := schema["type"].([]any)
	if !ok {
		types = []any{schema["type"]}
	}
	is := ""
	switch v := value.(type) {
	case map[string]any:
		is = "object"
		properties, _ := schema["properties"].(map[string]any)
		for name, of := range v {
			property, _ := properties[name].(map[string]any)
			if property == nil {
				return fmt.Errorf("%s is unknown", name)
			}
			if err := validate(property, of); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	case []any:
		is = "array"
		items, _ := schema["items"].(map[string]any)
		for _, of := range v {
			if err := validate(items, of); err != nil {
				return err
			}
		}
	case string:
		is = "string"
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			return fmt.Errorf("%q does not match %s", v, pattern)
		}
	case bool:
		is = "boolean"
	case float64:
		is = "number"
		if v == float64(int64(v)) && slices.Contains(types, any("integer")) {
			is = "integer"
		}
		if least, ok := schema["minimum"].(float64); ok && v < least {
			return fmt.Errorf("%v is less than %v", v, least)
		}
	}
	if !slices.Contains(types, any(is)) {
		return fmt.Errorf("%v: want %v", value, types)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		return fmt.Errorf("%v is not among %v", value, enum)
	}
	return nil
}

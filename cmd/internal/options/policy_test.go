package options

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	for _, test := range []struct {
		text string
		want []string
		err  string // after the file's name
	}{
		{"", nil, ""},
		{"# nothing\n", nil, ""},
		{"allow:\n  - listen tcp [::]:80   # web\n  - 'resolve *.example.com'\ndeny:\n  - dial tcp *:25\n",
			[]string{"listen tcp [::]:80", "resolve *.example.com", "deny dial tcp *:25"}, ""},
		{"deny: [all]", []string{"deny all"}, ""},
		{"allow:\n- all\n- dial tcp 1:2\n", nil, `:3: rule "dial tcp 1:2"`},
		{"deny:\n- dial\n", nil, `:2: rule "deny dial"`},
		{"allow:\n- deny: x\n", nil, ":2: it is not a rule"},
		{"grant:\n- all\n", nil, ": yaml: unmarshal errors:\n  line 1: field grant not found"},
		{"allow: all\n", nil, ": yaml: unmarshal errors"},
		{"- all\n", nil, ": yaml: unmarshal errors"},
		{"allow: [all\n", nil, ": yaml: "},
		{"allow: [all]\n---\ndeny: [all]\n", nil, ": it holds a second document"},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPolicy(file)
		switch {
		case test.err == "" && (err != nil || !slices.Equal(got, test.want)):
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		case test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), file+test.err)):
			t.Errorf("%q: %v; want %s", test.text, err, test.err)
		}
	}
	if _, err := ReadPolicy(file + "x"); err == nil {
		t.Error("a file that is not there is read")
	}
}

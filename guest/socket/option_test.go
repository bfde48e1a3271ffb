package socket

import (
	"os"
	"regexp"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

// TestOptionsAreThoseOfTheTable holds that option.go declares each option of sockabi once, in
// the form that it has.
func TestOptionsAreThoseOfTheTable(t *testing.T) {
	text, err := os.ReadFile("option.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string][]string{} // forms by name
	for _, m := range regexp.MustCompile(`= (flag|number|seconds|Option\[[\w.]+\])[({]sockabi\.\w+, sockabi\.(\w+)[),]`).FindAllStringSubmatch(string(text), -1) {
		declared[m[2]] = append(declared[m[2]], m[1])
	}
	forms := map[sockabi.Form]string{
		sockabi.FormBool:    "flag",
		sockabi.FormInt:     "number",
		sockabi.FormSeconds: "seconds",
		sockabi.FormType:    "number",
		sockabi.FormErrno:   "Option[int]",
		sockabi.FormLinger:  "Option[Linger]",
		sockabi.FormTime:    "Option[time.Duration]",
		sockabi.FormDevice:  "Option[string]",
	}
	for _, o := range sockabi.Options() {
		if got := declared[o.Name]; len(got) != 1 || got[0] != forms[o.Form] {
			t.Errorf("%s is declared as %q, want one %s in option.go", o.Name, got, forms[o.Form])
		}
		delete(declared, o.Name)
	}
	for name := range declared {
		t.Errorf("%s is not in sockabi's table", name)
	}
}

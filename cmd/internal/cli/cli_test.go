package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// toy returns a program that prints its parsed command line.
func toy() (p *Program, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	ignore := func(string) error { return nil }
	p = &Program{
		Name: "toy", Short: "play", Long: "toy plays.", UsageCode: 125, Version: func() string { return "toy 1" },
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr,
		Topics: []Topic{{Name: "colours", Short: "which there are", Text: "These:", Table: [][2]string{{"red", "as `blood`"}}}},
		Commands: []*Command{
			{Name: "run", Args: "[FLAGS] TOY", Short: "run a toy", Long: "Runs.", Examples: "toy run x", Complete: []string{"toy"},
				Flags: []Flag{
					{Group: "One", Name: "allow", Value: "RULE", Many: true, Short: "allow RULE", Set: ignore},
					{Group: "One", Name: "all", Short: "allow all", Set: ignore},
					{Group: "Two", Name: "trace", Value: "FORMAT", Alone: "text", Words: []string{"text", "json"}, Short: "trace", Long: "A line\neach.", Set: ignore},
					{Group: "Two", Name: "verbose", Letter: "v", Short: "say more", Set: ignore},
					{Group: "Two", Name: "size", Value: "BYTES", Default: "1G", Rare: true, Short: "limit bytes", Set: func(v string) error {
						if v == "none" {
							return errors.New("want a number")
						}
						return nil
					}},
				},
				Run: func(l Line) int {
					fmt.Fprint(stdout, l.Given, " ", l.Args)
					return 3
				}},
			{Name: "build", Short: "build toys", Long: "Builds.", Examples: "toy build", Go: func(args []string) bool { return len(args) > 0 && args[0] == "-h" },
				Flags: []Flag{{Name: "aot", Value: "VERSION", Short: "compile", Set: ignore}},
				Run: func(l Line) int {
					fmt.Fprint(stdout, l.Args)
					return 0
				}},
		},
	}
	return p, stdout, stderr
}

func TestCommandLines(t *testing.T) {
	for _, test := range []struct {
		line   string
		code   int
		stdout string // with a * at the end, the beginning
		stderr string
	}{
		{"run --allow a -allow b -allow=c --all x --all", 3, "map[all:[true] allow:[a b c]] [x --all]", ""},
		{"run -allow -all x", 3, "map[allow:[-all]] [x]", ""},
		{"run -all=false -v x", 3, "map[all:[false] verbose:[true]] [x]", ""},
		{"run --v --verbose=0 x", 3, "map[verbose:[0]] [x]", ""},
		{"run -trace json", 3, "map[trace:[text]] [json]", ""},
		{"run -trace=json -- -v", 3, "map[trace:[json]] [-v]", ""},
		{"run - -all", 3, "map[] [- -all]", ""},
		{"run -size 1 -size=2 x -size 3", 3, "map[size:[2]] [x -size 3]", ""},
		{"run -size none x", 125, "", "toy: --size: want a number; see toy run --help\n"},
		{"run -size", 125, "", "toy: a value is missing after --size; see toy run --help\n"},
		{"run -sise 1", 125, "", "toy: unknown flag -sise (did you mean --size?); see toy run --help\n"},
		{"run --sizes=1", 125, "", "toy: unknown flag --sizes (did you mean --size?); see toy run --help\n"},
		{"run --colour", 125, "", "toy: unknown flag --colour; see toy run --help\n"},
		{"run -help", 0, "usage: toy run [FLAGS] TOY\n*", ""},
		{"run -all -h x", 0, "usage: toy run [FLAGS] TOY\n*", ""},
		{"run x -h", 3, "map[] [x -h]", ""},
		{"build -v -o x . --aot y", 0, "[-v -o x . --aot y]", ""},
		{"build -h", 0, "usage: toy build\n*", ""},
		{"help build", 0, "usage: toy build\n*", ""},
		{"help colours", 0, "These:\n\n  red  as blood\n", ""},
		{"help colour", 125, "", "toy: no command or topic is called \"colour\" (did you mean colours?); see toy help\n"},
		{"-version", 0, "toy 1\n", ""},
		{"--version", 0, "toy 1\n", ""},
		{"-help", 0, "usage: toy COMMAND*", ""},
		{"-x", 125, "", "toy: unknown flag -x; see toy --help\n"},
		{"rnu", 125, "", "toy: unknown command \"rnu\"; see toy help\n"},
		{"biuld", 125, "", "toy: unknown command \"biuld\" (did you mean build?); see toy help\n"},
		{"x.wasm", 125, "", "toy: unknown command \"x.wasm\"; to run a guest, write toy run x.wasm\n"},
		{"completion", 125, "", "toy: completion needs the name of a shell: bash, zsh, fish, powershell\n"},
		{"completion sh", 125, "", "toy: completion needs the name of a shell: bash, zsh, fish, powershell\n"},
	} {
		p, stdout, stderr := toy()
		code := p.Run(strings.Fields(test.line))
		begins, open := strings.CutSuffix(test.stdout, "*")
		if out := stdout.String(); code != test.code || stderr.String() != test.stderr || out != test.stdout && (!open || !strings.HasPrefix(out, begins)) {
			t.Errorf("toy %s: %d, %q, %q", test.line, code, out, stderr)
		}
	}
}

func TestParse(t *testing.T) {
	p, _, _ := toy()
	flags := p.Commands[0].Flags
	line, err := Parse("toy", flags, []string{"-allow", "a", "x", "-all"})
	if fmt.Sprint(line.Given, line.Args, err) != "map[allow:[a]] [x -all] <nil>" {
		t.Error(line, err)
	}
	if _, err := Parse("toy", flags, []string{"-h"}); !errors.Is(err, pflag.ErrHelp) {
		t.Error(err)
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"ru":            "run\trun a toy\n:4\n",
		"run --al":      "--allow\tallow RULE\n--all\tallow all\n:4\n",
		"run --trace=":  "text\njson\n:4\n",
		"run ":          "toy\n:8\n",
		"run x ":        ":0\n",
		"build --":      "--aot\tcompile\n:0\n",
		"help colo":     "run\nbuild\nhelp\ncompletion\ncolours\n:4\n",
		"completion z":  "bash\nzsh\nfish\npowershell\n:4\n",
		"run --allow x": ":4\n",
	} {
		p, stdout, _ := toy()
		if code := p.Run(append([]string{"__complete"}, strings.Split(line, " ")...)); code != 0 || stdout.String() != want {
			t.Errorf("toy %s: %d, %q, want %q", line, code, stdout, want)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		p, stdout, stderr := toy()
		if code := p.Run([]string{"completion", shell}); code != 0 || !strings.Contains(stdout.String(), "__complete") || stderr.Len() > 0 {
			t.Errorf("%s: %d, %q, %q", shell, code, stdout, stderr)
		}
		if program, err := exec.LookPath(shell); err == nil && shell != "powershell" {
			check := exec.Command(program, "-n")
			check.Stdin = stdout
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %v, %s", shell, err, out)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"allow", "allow-all", "max-memory", "env", "aot"}
	for name, want := range map[string]string{
		"alow": "allow", "allow_all": "allow-all", "max-memroy": "max-memory", "evn": "", "en": "env", "net": "", "": "", "anything": "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestRareFlags tests that pages list rare flags, and help does not.
func TestRareFlags(t *testing.T) {
	p, _, _ := toy()
	c := p.command("run")
	if help := p.HelpOf(c); strings.Contains(help, "--size") || !strings.Contains(help, "More flags: docs/cli/toy_run.md") {
		t.Error(help)
	}
	markdown, man := p.Pages()
	if !strings.Contains(markdown["toy_run.md"], "`--size BYTES`: Limit bytes (default 1G).") || !strings.Contains(man["toy-run.1"], `\-\-size BYTES`) {
		t.Error(markdown["toy_run.md"], man["toy-run.1"])
	}
}

package docscheck

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/internal/porttest"
)

// unrun lists the commands of the pages that are not run here, with the reason. Of all other
// commands the test checks that they exist, and that wasisock has their flags.
var unrun = map[string]string{
	"ctr":             "needs containerd",
	"curl":            "needs the server of the line before",
	"docker":          "needs docker",
	"eval":            "changes the shell's environment",
	"export":          "changes the shell's environment",
	"kill":            "needs the process of the line before",
	"kubectl":         "needs a cluster; make test-kubernetes applies the files to an API server",
	"ln":              "writes beside the programs of the system",
	"podman":          "needs root; make test-containers runs such images",
	"systemctl":       "needs root and systemd",
	"systemd-analyze": "needs systemd, and its unit installed",
	"tail":            "reads the output of a script",
	"cat":             "reads the file of the line before",
	"wasmedge":        "needs WasmEdge, which CI's engine tests run",
}

// placeholders are the reader's own packages in commands.
var placeholders = []string{"./...", ".", "./cmd/server", "./site"}

// A commandLine is one simple command of a shell script, without assignments.
type commandLine struct {
	words []string
	at    string
}

// simpleCommands splits a script at the operators and substitutions of a shell. It knows quotes,
// comments and continued lines, and nothing else of the language.
func simpleCommands(script, page string, line int) (all []commandLine) {
	var words []string
	var word strings.Builder
	quoted := false // whether word has been in quotes, and so may be empty
	flushWord := func() {
		if word.Len() > 0 || quoted {
			words = append(words, word.String())
		}
		word.Reset()
		quoted = false
	}
	flush := func() {
		flushWord()
		for len(words) > 0 && (words[0] == "" || assignment.MatchString(words[0])) {
			words = words[1:]
		}
		if len(words) > 0 {
			all = append(all, commandLine{words, fmt.Sprintf("%s:%d", page, line)})
		}
		words = nil
	}
	for i := 0; i < len(script); i++ {
		switch c := script[i]; {
		case c == '\\' && i+1 < len(script) && script[i+1] == '\n':
			i++
			line++
		case c == '\'':
			end := strings.IndexByte(script[i+1:], '\'')
			word.WriteString(script[i+1 : i+1+max(end, 0)])
			quoted = true
			i += max(end, 0) + 1
		case c == '"':
			quoted = true // what is inside is split as the rest, for $(…)
		case c == '#' && word.Len() == 0:
			for i+1 < len(script) && script[i+1] != '\n' {
				i++
			}
		case c == '\n':
			flush()
			line++
		case strings.IndexByte(";&|()", c) >= 0:
			flush()
		case c == '$' && i+1 < len(script) && script[i+1] == '(':
			flush()
			i++
		case c == ' ' || c == '\t':
			flushWord()
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return all
}

var assignment = regexp.MustCompile(`^[A-Z_0-9]+=`)

// TestCommands holds that the commands of the pages exist.
func TestCommands(t *testing.T) {
	program := buildWasisock(t)
	helps := map[string]string{}
	helpOf := func(command string) string {
		if _, ok := helps[command]; !ok {
			out, err := exec.Command(program, command, "--help").Output()
			if err != nil {
				helps[command] = ""
			} else {
				// Only its page has rare flags.
				page, _ := os.ReadFile(filepath.Join(root, "docs/cli/wasisock_"+command+".md"))
				helps[command] = string(out) + string(page)
			}
		}
		return helps[command]
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	checked := 0
	for _, page := range checkedPages(t) {
		all, prose := blocks(t, page)
		for line := range strings.Lines(prose) {
			if strings.HasPrefix(line, "    ") && commandLike.MatchString(line) {
				t.Errorf("%s: put the command into a block with ```sh: %s", page, line)
			}
		}
		for _, b := range all {
			script := b.text
			switch b.info {
			case "sh":
			case "console":
				script = ""
				for line := range strings.Lines(b.text) {
					if command, ok := strings.CutPrefix(line, "$ "); ok {
						script += command
					}
				}
			case "go", "text", "ini", "toml", "wat", "yaml", "json", "c", "diff":
				continue
			default:
				t.Errorf("%s:%d: write sh, console, go or text after the fence, not %q", page, b.line, b.info)
			}
			for _, c := range simpleCommands(script, page, b.line) {
				checked++
				check := func(ok bool, format string, args ...any) {
					if !ok {
						t.Errorf("%s: %s: "+format, append([]any{c.at, strings.Join(c.words, " ")}, args...)...)
					}
				}
				switch name := c.words[0]; {
				case name == "wasisock":
					checkWasisock(check, c.words[1:], helpOf)
				case name == "make":
					for _, target := range c.words[1:] {
						check(assignment.MatchString(target) || bytes.Contains(makefile, []byte("\n"+target+":")), "the Makefile has no target %s", target)
					}
				case name == "go":
					checkGo(check, c.words[1:], helpOf)
				case unrun[name] != "":
					used[name] = true
				default:
					_, err := os.Stat(filepath.Join(root, name))
					check(strings.Contains(name, "/") && err == nil, "unknown command; add it to unrun with a reason")
				}
			}
		}
	}
	for name := range maps.Keys(unrun) {
		if !used[name] {
			t.Errorf("no page has %s any more; remove it from unrun", name)
		}
	}
	if checked < 50 {
		t.Errorf("found %d commands", checked)
	}
}

var commandLike = regexp.MustCompile(`^    (wasisock|make|go|wasmedge|scripts/\S+) [a-z-]`)

// checkWasisock checks the command and its flags, up to the guest. In wasisock image, flags of run
// follow the guest.
func checkWasisock(check func(bool, string, ...any), args []string, helpOf func(string) string) {
	if len(args) == 0 {
		return
	}
	if args[0] == "COMMAND" || args[0] == "help" {
		return
	}
	command := args[0]
	help := helpOf(command)
	check(help != "", "wasisock has no command %s", command)
	for _, arg := range args[1:] {
		isGuest := strings.HasSuffix(arg, ".wasm") || slices.Contains(placeholders, arg)
		switch {
		case isGuest && command == "image":
			command, help = "run", helpOf("run")
		case isGuest && command == "run" || arg == "--":
			return // flags of the guest follow
		}
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "--") && name != "--help" {
			check(regexp.MustCompile(regexp.QuoteMeta(name)+`\b`).MatchString(help), "wasisock %s --help has no %s", command, name)
		}
	}
}

// checkGo checks the packages of a go command.
func checkGo(check func(bool, string, ...any), args []string, helpOf func(string) string) {
	for i, arg := range args {
		if !strings.HasPrefix(arg, "./") || slices.Contains(placeholders, arg) || strings.HasPrefix(arg, "./...") {
			continue
		}
		_, err := os.Stat(filepath.Join(root, strings.TrimSuffix(arg, "/...")))
		check(err == nil, "there is no package %s", arg)
		if arg == "./cmd/wasisock" && args[0] == "run" && i+1 < len(args) {
			checkWasisock(check, args[i+1:], helpOf)
			return
		}
	}
}

// built builds the command, once for all tests.
var built = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(binaries, "wasisock")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/wasisock")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// binaries is the directory of what built makes.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "docscheck-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(binaries)
	os.Exit(code)
}

func buildWasisock(t *testing.T) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestFirstHour runs what README.md has a new user do, and compares the output: its program is
// the block of Go code that is a whole file, and its commands are those of the console blocks.
func TestFirstHour(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles net/http for a guest")
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("guests do not run on " + runtime.GOOS)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	program := buildWasisock(t)
	dir := t.TempDir()
	port := porttest.Free(t)
	local := func(text string) string { return strings.ReplaceAll(text, "8080", port) }
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/hello\n\ngo 1.25\n")
	ran := 0
	all, _ := blocks(t, filepath.Join(root, "README.md"))
	for _, b := range all {
		if b.info == "go" && strings.HasPrefix(b.text, "package main") {
			write("main.go", local(b.text))
		}
		if b.info != "console" {
			continue
		}
		ran++
		// Jobs of a block end with it.
		script, want := "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n", []string{}
		for line := range strings.Lines(local(b.text)) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				script += command
			} else {
				want = append(want, strings.TrimSpace(line))
			}
		}
		cmd := exec.Command("bash", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, _ := cmd.CombinedOutput() // the exit code is that of the last command, which may show a failure
		got := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
			return line == "" || progress.MatchString(line)
		})
		if !sameLines(got, want) {
			t.Errorf("README.md:%d: the commands print\n%s\nwant\n%s", b.line, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if ran < 2 {
		t.Errorf("README.md has %d blocks of console commands", ran)
	}
}

// progress is a line of wasisock's about what it does, or a server's at its end.
var progress = regexp.MustCompile(`^wasisock: (compil|shutting down|\S+ is shutting down)|accept tcp .* use of closed network connection`)

// sameLines reports whether got are the lines of want, in any order: those of a guest and of
// wasisock come by two streams. "…" stands for any text.
func sameLines(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for _, w := range want {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(w), "…", ".*") + "$")
		i := slices.IndexFunc(got, pattern.MatchString)
		if i < 0 {
			return false
		}
		got = slices.Delete(slices.Clone(got), i, i+1)
	}
	return true
}

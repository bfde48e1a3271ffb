// Package cli has types that define commands and their flags once. Parsing, help, manual pages,
// completion, configuration files and their schema are made from these definitions.
package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Program is a set of commands. Its texts have the form that Command describes.
type Program struct {
	Name, Short, Long string
	Commands          []*Command
	Topics            []Topic
	Version           func() string // one line, for --version
	UsageCode         int           // exit code for an invalid command line

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// A Command is one command of a program. Its texts are paragraphs separated by empty lines, in
// which `this` is code, and so are lines indented by four spaces.
type Command struct {
	Name     string
	Args     string // placeholders of flags and arguments, for usage
	Short    string // one line, in lower case
	Long     string // for help and pages
	Examples string // command lines, one each
	Page     string // for pages only, after Examples
	Flags    []Flag
	Hidden   bool

	// Go, if not nil, is for a command whose flags may stand among those of the go command: Run
	// parses them from Line.Args. Go reports whether arguments ask for help.
	Go func(args []string) bool

	Complete []string // extensions of files that are arguments, or words
	Words    bool     // Complete holds words

	Run func(Line) int // returns the exit code
}

// A Line is the command line of a command.
type Line struct {
	Args  []string // the arguments, without flags
	Given Given    // the values of flags
	Raw   []string // everything after the command's name
}

// Given holds the values of the flags that are set, by name.
type Given map[string][]string

// A Flag is one flag of a command.
type Flag struct {
	Group  string // heading in help
	Name   string
	Letter string // as in -v; "" means none
	Value  string // placeholder of the value, or "" for a switch
	Many   bool   // may be repeated
	Words  []string
	Alone  string // value of the flag without "=VALUE"; "" means that it needs a value

	Default string
	Short   string // one line, in lower case, an imperative
	Long    string // for pages only
	Live    bool   // a configuration that is read again can change it

	LineOnly bool // not allowed in configuration files
	Rare     bool // --help does not list it; pages do

	Set func(string) error
}

// Switch returns the Set of a flag that sets to to true or false.
func Switch(to *bool) func(string) error {
	return func(v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("invalid value %q: want true or false", v)
		}
		*to = on
		return nil
	}
}

// Text returns the Set of a flag that sets to to any text.
func Text(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

// value is a Flag in a pflag.FlagSet.
type value struct {
	flag  *Flag
	given Given
}

func (v value) String() string   { return "" }
func (v value) Type() string     { return v.flag.Value }
func (v value) IsBoolFlag() bool { return v.flag.Value == "" }

func (v value) Set(text string) error {
	if v.flag.Many {
		v.given[v.flag.Name] = append(v.given[v.flag.Name], text)
	} else {
		v.given[v.flag.Name] = []string{text}
	}
	return v.flag.Set(text)
}

// add adds flags to a set, and returns the map that gets their values. Flags end at the first
// argument.
func add(set *pflag.FlagSet, flags []Flag) Given {
	given := Given{}
	set.SetInterspersed(false)
	set.SortFlags = false
	for i := range flags {
		f := &flags[i]
		p := set.VarPF(value{f, given}, f.Name, f.Letter, f.Short)
		switch {
		case f.Value == "":
			p.NoOptDefVal = "true"
		case f.Alone != "":
			p.NoOptDefVal = f.Alone
		}
	}
	return given
}

// Parse sets flags from arguments, and returns the line with the other arguments. Errors advise to
// run name with --help. The error is pflag.ErrHelp for -h and --help.
func Parse(name string, flags []Flag, args []string) (Line, error) {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.Usage = func() {}
	set.SetOutput(io.Discard)
	line := Line{Given: add(set, flags), Raw: args}
	if err := set.Parse(double(flags, args)); err != nil {
		return line, explain(name, flags, err)
	}
	line.Args = set.Args()
	return line, nil
}

// double returns arguments with a second dash before the long names of flags that have one,
// up to the first that is not a flag.
func double(flags []Flag, args []string) []string {
	made := slices.Clone(args)
	for i := 0; i < len(made); i++ {
		arg := made[i]
		if arg == "--" || arg == "-" || !strings.HasPrefix(arg, "-") {
			break
		}
		name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		at := slices.IndexFunc(flags, func(f Flag) bool { return f.Name == name || f.Letter == name })
		switch {
		case name == "help":
			made[i] = "--help"
		case at < 0:
		case flags[at].Name == name:
			made[i] = "--" + strings.TrimLeft(arg, "-")
		default:
			made[i] = "-" + strings.TrimLeft(arg, "-")
		}
		if at >= 0 && !given && flags[at].Value != "" && flags[at].Alone == "" {
			i++ // its value
		}
	}
	return made
}

// explain returns an error of package pflag in our words.
func explain(name string, flags []Flag, err error) error {
	var unknown *pflag.NotExistError
	var valueless *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown):
		flag := "--" + unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			flag = "-" + short
		}
		var names []string
		for _, f := range flags {
			names = append(names, f.Name)
		}
		err = fmt.Errorf("unknown flag %s%s", flag, didYouMean(strings.TrimLeft(flag, "-"), names, "--"))
	case errors.As(err, &valueless):
		err = fmt.Errorf("a value is missing after --%s", valueless.GetFlag().Name)
	case errors.As(err, &invalid):
		err = fmt.Errorf("--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return fmt.Errorf("%w; see %s --help", err, name)
}

// didYouMean returns a suggestion of the name that is nearest to an unknown one, with before in
// front, or "" if none is near.
func didYouMean(name string, names []string, before string) string {
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s%s?)", before, near)
	}
	return ""
}

// nearest returns the one of names that differs from name by the fewest letters, or "" if more
// than a third of the letters differ.
func nearest(name string, names []string) (near string) {
	least := (len(name)+1)/3 + 1
	for _, n := range names {
		if d := distance(name, n); d < least {
			near, least = n, d
		}
	}
	return near
}

// distance returns how many letters must be added to a, removed or replaced to make b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// All returns the commands, including help and completion.
func (p *Program) All() []*Command {
	return append(slices.Clone(p.Commands), p.helpCommand(), p.completionCommand())
}

// Run runs the command that the arguments name, and returns the exit code.
func (p *Program) Run(args []string) (code int) {
	root := p.root(args, &code)
	root.SetArgs(p.doubled(args))
	if err := root.Execute(); err != nil {
		return p.fail(err)
	}
	return code
}

func (p *Program) fail(err error) int {
	fmt.Fprintf(p.Stderr, "%s: %v\n", p.Name, err)
	return p.UsageCode
}

// root returns cobra's command for the program. Running it sets code to the exit code.
func (p *Program) root(args []string, code *int) *cobra.Command {
	root := &cobra.Command{
		Use: p.Name, SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	version := false
	flags := []Flag{{Name: "version", Short: "print the version", Set: Switch(&version)}}
	add(root.Flags(), flags)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return explain(p.Name, flags, err) })
	root.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case version:
			fmt.Fprintln(p.Stdout, p.Version())
		case len(args) > 0:
			return p.unknown(args[0])
		default:
			fmt.Fprint(p.Stderr, p.Help())
			*code = p.UsageCode
		}
		return nil
	}
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		if own := p.command(c.Name()); own != nil && c != root {
			fmt.Fprint(p.Stdout, p.HelpOf(own))
		} else {
			fmt.Fprint(p.Stdout, p.Help())
		}
	})
	for _, c := range p.All() {
		root.AddCommand(p.cobra(c, args, code))
	}
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // All has ours
	return root
}

// cobra returns cobra's command for c. Running it sets code to the exit code.
func (p *Program) cobra(c *Command, args []string, code *int) *cobra.Command {
	made := &cobra.Command{
		Use: c.Name, Short: c.Short, Hidden: c.Hidden, SilenceErrors: true, SilenceUsage: true,
		DisableFlagParsing: c.Go != nil, Args: cobra.ArbitraryArgs,
	}
	given := add(made.Flags(), c.Flags)
	made.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return explain(p.Name+" "+c.Name, c.Flags, err) })
	made.RunE = func(_ *cobra.Command, rest []string) error {
		if c.Go != nil && c.Go(rest) {
			fmt.Fprint(p.Stdout, p.HelpOf(c))
			return nil
		}
		*code = c.Run(Line{Args: rest, Given: given, Raw: args[1:]})
		return nil
	}
	p.complete(c, made)
	return made
}

// doubled returns args with two dashes before the long names of flags: those of the command that
// args name, or of the program.
func (p *Program) doubled(args []string) []string {
	if len(args) == 0 {
		return args
	}
	if c := p.command(args[0]); c != nil && c.Go == nil {
		return append([]string{args[0]}, double(c.Flags, args[1:])...)
	}
	return double([]Flag{{Name: "version"}}, args)
}

func (p *Program) command(name string) *Command {
	for _, c := range p.All() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// unknown returns the error for a word that is not a command.
func (p *Program) unknown(name string) error {
	if strings.HasSuffix(name, ".wasm") && p.command("run") != nil {
		return fmt.Errorf("unknown command %q; to run a guest, write %s run %s", name, p.Name, name)
	}
	var names []string
	for _, c := range p.All() {
		names = append(names, c.Name)
	}
	return fmt.Errorf("unknown command %q%s; see %s help", name, didYouMean(name, names, ""), p.Name)
}

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// shells lists the shells for which completionCommand has a script.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// completionCommand returns the command completion, which prints a script for a shell.
func (p *Program) completionCommand() *Command {
	return &Command{
		Name: "completion", Args: strings.Join(shells, "|"), Complete: shells, Words: true,
		Short: "print a script that completes command lines in a shell",
		Long:  "Prints a script with which a shell completes commands, flags, their values and the names of guests.",
		Examples: strings.ReplaceAll("source <(NAME completion bash)\n"+
			"NAME completion bash >/etc/bash_completion.d/NAME\n"+
			"NAME completion zsh >\"${fpath[1]}/_NAME\"\n"+
			"NAME completion fish >~/.config/fish/completions/NAME.fish\n"+
			"NAME completion powershell | Out-String | Invoke-Expression", "NAME", p.Name),
		Run: func(l Line) int {
			var code int
			root := p.root(nil, &code)
			write := map[string]func() error{
				"bash":       func() error { return root.GenBashCompletionV2(p.Stdout, true) },
				"zsh":        func() error { return root.GenZshCompletion(p.Stdout) },
				"fish":       func() error { return root.GenFishCompletion(p.Stdout, true) },
				"powershell": func() error { return root.GenPowerShellCompletionWithDesc(p.Stdout) },
			}
			if len(l.Args) != 1 || write[l.Args[0]] == nil {
				return p.fail(fmt.Errorf("completion needs the name of a shell: %s", strings.Join(shells, ", ")))
			}
			if err := write[l.Args[0]](); err != nil {
				return p.fail(err)
			}
			return 0
		},
	}
}

// complete makes cobra complete the arguments of c and the values of its flags.
func (p *Program) complete(c *Command, made *cobra.Command) {
	directive := cobra.ShellCompDirectiveFilterFileExt
	switch {
	case c.Words:
		directive = cobra.ShellCompDirectiveNoFileComp
	case c.Complete == nil:
		directive = cobra.ShellCompDirectiveDefault
	}
	made.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && c.Go == nil { // arguments of the guest
			return nil, cobra.ShellCompDirectiveDefault
		}
		return c.Complete, directive
	}
	for _, f := range c.Flags {
		made.RegisterFlagCompletionFunc(f.Name, f.complete)
	}
}

// complete returns the completions of a flag's value, or how the shell finds them.
func (f Flag) complete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	switch {
	case f.Words != nil:
		return f.Words, cobra.ShellCompDirectiveNoFileComp
	case f.Value == "FILE":
		return nil, cobra.ShellCompDirectiveDefault
	case f.Value == "DIR" || strings.HasPrefix(f.Value, "HOST:"):
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

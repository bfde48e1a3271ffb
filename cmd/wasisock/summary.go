package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/terminal"
	"github.com/wasisock/wasisock/internal/printable"
)

// mostRules is how many rules a summary prints.
const mostRules = 5

// printSummary prints the guest, its listeners, its rules and its engine to a terminal, one line
// each. With --verbose, it prints the engine even if stderr is not a terminal.
func (r *running) printSummary() {
	onTerminal := terminal.Is(r.stderr)
	paint := func(_ terminal.Style, text string) string { return text }
	if r.logs.format == "plain" {
		paint = terminal.Painter(r.stderr)
	}
	line := func(what, text string) {
		r.log.Info(paint(terminal.Dim, printable.Text(what+": "+text, printable.MaxText, "")))
	}
	if onTerminal {
		line("guest", strings.Join(r.command.Guest.Args, " "))
		if len(r.listeners) > 0 {
			line("serves", strings.Join(r.listeners.places(), ", "))
		}
		line("rules", r.rules())
	}
	if onTerminal || r.verbose {
		kind, why := r.command.Engine.Choose()
		line("engine", versionOf(kind)+": "+why)
	}
}

// rules returns the guest's rules in one line, at most mostRules of them.
func (o *runOptions) rules() string {
	all := slices.Concat(o.allow, o.deny, o.filed)
	switch {
	case o.command.Learn:
		all[0] = "all, to learn which are needed"
	case len(all) == 0:
		return "none: every use of the network is refused, except what --listen gives"
	}
	if more := len(all) - mostRules; more > 0 {
		all = append(all[:mostRules], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

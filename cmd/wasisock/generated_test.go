package main

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the pages and help texts that are made from the commands' definitions")

// TestGenerated compares the texts that are made from the definitions of commands and flags with
// their files: pages in Markdown and for man, and the output of help.
func TestGenerated(t *testing.T) {
	program := newProgram(streams{})
	help := map[string]string{"wasisock.txt": program.Help()}
	for _, c := range program.All() {
		help[c.Name+".txt"] = program.HelpOf(c)
	}
	for _, topic := range program.Topics {
		help[topic.Name+".txt"] = program.HelpOn(topic)
	}
	pages, man := program.Pages()
	pages["wasisock.schema.json"] = configSchema()
	for dir, files := range map[string]map[string]string{
		"../../docs/cli": pages, "../../man": man, "testdata/help": help,
	} {
		if *update {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, text := range files {
			has, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || string(has) != text {
				t.Errorf("%s is not what the definitions say (%v); run go test ./cmd/wasisock -run TestGenerated -args -update", filepath.Join(dir, name), err)
			}
		}
		all, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if !slices.Contains(slices.Collect(maps.Keys(files)), f.Name()) {
				t.Errorf("%s is made from no definition; remove it", filepath.Join(dir, f.Name()))
			}
		}
	}
}

// TestHelpIsShort tests that help fits into a terminal.
func TestHelpIsShort(t *testing.T) {
	const rows, columns = 60, 100
	program := newProgram(streams{})
	texts := map[string]string{"": program.Help()}
	for _, c := range program.All() {
		texts[c.Name] = program.HelpOf(c)
	}
	for _, topic := range program.Topics {
		texts[topic.Name] = program.HelpOn(topic)
	}
	for name, text := range texts {
		if n := strings.Count(text, "\n"); n > rows {
			t.Errorf("%s: %d lines", name, n)
		}
		for line := range strings.Lines(text) {
			if len(line) > columns {
				t.Errorf("%s: a line of %d bytes: %s", name, len(line), line)
			}
		}
	}
}

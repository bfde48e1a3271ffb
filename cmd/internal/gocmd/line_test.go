package gocmd

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args, rest, packages, taken string
	}{
		{"", "", "", ""},
		{"-o x ./a", "./a", "./a", "x"},
		{"--o=x -v ./a ./b", "-v ./a ./b", "./a ./b", "x"},
		{"-tags -o -o x .", "-tags -o .", ".", "x"},
		{"-ldflags=-o -run . . -o y", "-ldflags=-o -run . .", ".", "y"},
		{"-o x -o y .", ".", ".", "x y"},
		{"-all . -- -o x", ". -- -o x", ".", "true"},
		{". -args -o x", ". -args -o x", ".", ""},
		{"-unknown=1 -o x .", "-unknown=1 .", ".", "x"},
		{"-tags", "-tags", "", ""},
	} {
		line, err := Parse(strings.Fields(test.args), "o", "all")
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
		}
		taken := append(line.Taken["o"], line.Taken["all"]...)
		if !slices.Equal(line.Rest, strings.Fields(test.rest)) || !slices.Equal(line.Packages, strings.Fields(test.packages)) ||
			!slices.Equal(taken, strings.Fields(test.taken)) {
			t.Errorf("%s: %+v", test.args, line)
		}
	}
	for _, args := range []string{"-o", "-o=", "-all=false"} {
		if line, err := Parse(strings.Fields(args), "o", "all"); err == nil {
			t.Errorf("%s: %+v", args, line)
		}
	}
}

func TestFields(t *testing.T) {
	for text, want := range map[string][]string{
		"":                            nil,
		"  -a  -b=c ":                 {"-a", "-b=c"},
		`'-overlay=/a b' "-x='y'" -z`: {"-overlay=/a b", "-x='y'", "-z"},
		`'-open`:                      {"-open"},
		`-ldflags='-s`:                {"-ldflags='-s"},
	} {
		if got := fields(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

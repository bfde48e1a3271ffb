package main

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// results holds the results in the output of a test program.
type results struct {
	result map[string]string   // pass, fail, skip or unfinished
	output map[string][]string // output of each test
	last   []string            // the end of the output
	ended  bool                // it ended by itself, with PASS or FAIL
}

var (
	resultLine = regexp.MustCompile(`--- (PASS|FAIL|SKIP): (\S+) \(\d`)
	turnLine   = regexp.MustCompile(`=== (RUN|CONT|NAME|PAUSE)\s+(\S*)`)
)

// parse parses the output of -test.v=test2json, in which the lines of the testing package have a
// ^V in front, even after other output without a newline.
func parse(r *bufio.Reader) (*results, error) {
	res := &results{result: map[string]string{}, output: map[string][]string{}}
	turn := ""
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			turn = res.add(line, turn)
		}
		switch {
		case err == io.EOF:
			return res, nil
		case err != nil:
			return nil, err
		}
	}
}

func (r *results) add(line, turn string) (next string) {
	r.last = append(r.last, line)
	if len(r.last) > 100 {
		r.last = r.last[50:]
	}
	text, ours, ok := strings.Cut(line, "\x16")
	if !ok {
		r.ended = r.ended || line == "PASS" || line == "FAIL"
		if turn != "" && len(r.output[turn]) < 200 {
			r.output[turn] = append(r.output[turn], text)
		}
		return turn
	}
	if m := resultLine.FindStringSubmatch(ours); m != nil {
		r.result[m[2]] = strings.ToLower(m[1])
		return m[2]
	}
	if m := turnLine.FindStringSubmatch(ours); m != nil {
		if m[1] == "RUN" && r.result[m[2]] == "" {
			r.result[m[2]] = "unfinished"
		}
		return m[2]
	}
	if text := strings.TrimSpace(ours); text == "PASS" || text == "FAIL" {
		r.ended = true
	}
	return turn
}

// implied reports whether the result of a test follows from that of a subtest.
func (r *results) implied(name string) bool {
	for other, result := range r.result {
		if strings.HasPrefix(other, name+"/") && result == r.result[name] {
			return true
		}
	}
	return false
}

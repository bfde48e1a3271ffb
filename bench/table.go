//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// write writes results.md and results.tsv, and prints the former.
func (s *session) write() error {
	var tsv strings.Builder
	tsv.WriteString("server\tload\tidle\tconns\tround\treq_per_s\treq_per_cpu_s\tp50_us\tp99_us\tnew_p50_us\tnew_p99_us\tcpu_s\twrk_cpu_s\twall_s\trss_bytes\terrors\n")
	for _, x := range s.samples {
		var rate [6]string
		if x.took > 0 {
			rate = [6]string{fmt.Sprintf("%.0f", x.perSecond()), fmt.Sprintf("%.0f", x.perCPUSecond()),
				fmt.Sprint(x.p50.Microseconds()), fmt.Sprint(x.p99.Microseconds()),
				fmt.Sprint(quantile(x.fresh, 0.5).Microseconds()), fmt.Sprint(quantile(x.fresh, 0.99).Microseconds())}
		}
		fmt.Fprintf(&tsv, "%s\t%s\t%d\t%d\t%d\t%s\t%.2f\t%.2f\t%.3f\t%d\t%s\n",
			x.server, x.load, x.idle, x.conns, x.round, strings.Join(rate[:], "\t"), x.cpu, x.wrkCPU.Seconds(), x.wall, x.rss, x.errors)
	}
	if err := os.WriteFile(filepath.Join(s.out, "results.tsv"), []byte(tsv.String()), 0o644); err != nil {
		return err
	}
	text := s.markdown()
	fmt.Print(text)
	return os.WriteFile(filepath.Join(s.out, "results.md"), []byte(text), 0o644)
}

// markdown returns all tables of the session.
func (s *session) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d CPUs, Linux %s. Rounds of %v each: %d, interleaved; medians (least-most).\n",
		time.Now().UTC().Format("2006-01-02"), cpuModel(), runtime.NumCPU(), kernel(), s.window, s.rounds)
	for _, load := range loads {
		for _, level := range s.levels {
			if s.any(load.name, level) {
				fmt.Fprintf(&b, "\n### %s, %d idle connections\n\n", load.name, level)
				s.loadTable(&b, load.name, level)
			}
		}
	}
	b.WriteString("\n### Start, and at rest: nobody asks\n\n")
	s.restTable(&b)
	s.jobTables(&b)
	for i, fault := range s.faults {
		if i == 0 {
			b.WriteString("\n### Faults\n\n")
		}
		fmt.Fprintf(&b, "- %s\n", fault)
	}
	return b.String()
}

func (s *session) any(load string, idle int) bool {
	return slices.ContainsFunc(s.samples, func(x sample) bool { return x.load == load && x.idle == idle })
}

// loadTable writes a table with a line for each server, and columns for each number of active
// connections.
func (s *session) loadTable(b *strings.Builder, load string, idle int) {
	columns := []string{"req/cpu-s", "of " + s.servers[0].Name, "req/s", "CPU used", "p50, p99", "new: p50, p99"}
	if idle > 0 {
		columns = slices.Insert(columns, 2, "of 0 idle")
	}
	b.WriteString("| server |")
	for _, conns := range s.conns {
		fmt.Fprintf(b, " c=%d: %s |", conns, strings.Join(columns, " | "))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(s.conns)*len(columns)) + "\n")
	for _, server := range s.servers {
		fmt.Fprintf(b, "| %s |", server.Name)
		for _, conns := range s.conns {
			mine := s.find(server.Name, load, idle, conns)
			cells := []string{
				spread(values(mine, sample.perCPUSecond), 1e-3, "%.1f", "k"),
				spread(ratios(mine, s.find(s.servers[0].Name, load, idle, conns)), 100, "%.0f", " %"),
				spread(values(mine, sample.perSecond), 1e-3, "%.1f", "k"),
				spread(values(mine, sample.usedCPU), 100, "%.0f", " %"),
				short(median(values(mine, func(x sample) float64 { return float64(x.p50) }))) + ", " +
					short(median(values(mine, func(x sample) float64 { return float64(x.p99) }))),
				fresh(mine),
			}
			if idle > 0 {
				alone := s.find(server.Name, load, 0, conns)
				cells = slices.Insert(cells, 2, spread(ratios(mine, alone), 100, "%.0f", " %"))
			}
			fmt.Fprintf(b, " %s |", strings.Join(cells, " | "))
		}
		b.WriteString("\n")
	}
}

// fresh returns how long newcomers waited in all rounds.
func fresh(samples []sample) string {
	var took []time.Duration
	for _, x := range samples {
		took = append(took, x.fresh...)
	}
	if len(took) == 0 {
		return "-"
	}
	return short(float64(quantile(took, 0.5))) + ", " + short(float64(quantile(took, 0.99)))
}

// restTable writes a table of the time to the first answer, and of CPU use and memory without
// requests.
func (s *session) restTable(b *strings.Builder) {
	b.WriteString("| server | first answer |")
	for _, level := range s.levels {
		fmt.Fprintf(b, " %d idle: CPU | memory |", level)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|---|", len(s.levels)) + "\n")
	for _, server := range s.servers {
		starts := s.find(server.Name, "start", 0, 0)
		fmt.Fprintf(b, "| %s | %s |", server.Name, spread(values(starts, func(x sample) float64 { return x.wall }), 1000, "%.0f", " ms"))
		for _, level := range s.levels {
			x := s.find(server.Name, "rest", level, 0)
			fmt.Fprintf(b, " %s | %.0f MB |",
				spread(values(x, func(x sample) float64 { return x.cpu / x.wall }), 100, "%.2f", " %"),
				median(values(x, func(x sample) float64 { return float64(x.rss) / 1e6 })))
		}
		b.WriteString("\n")
	}
}

// jobTables writes tables of the time that each compiler takes, and of the cost of a request that
// comes from memory.
func (s *session) jobTables(b *strings.Builder) {
	for i, name := range s.named("memory") {
		if i == 0 {
			fmt.Fprintf(b, "\n### From memory, without a socket\n\n| program | CPU for a request | of %s |\n|---|---|---|\n", name)
		}
		x := s.find(name, "memory", 0, 0)
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, spread(values(x, sample.perRequest), 1e6, "%.1f", " us"),
			spread(ratios(s.find(s.named("memory")[0], "memory", 0, 0), x), 1, "%.1f", ""))
	}
	for i, name := range s.named("compile") {
		if i == 0 {
			b.WriteString("\n### Compiling the program\n\n| compiler | CPU | time |\n|---|---|---|\n")
		}
		x := s.find(name, "compile", 0, 0)
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, spread(values(x, func(x sample) float64 { return x.cpu }), 1, "%.1f", " s"),
			spread(values(x, func(x sample) float64 { return x.wall }), 1, "%.1f", " s"))
	}
}

// find returns the samples of one cell in the order of their rounds.
func (s *session) find(server, load string, idle, conns int) []sample {
	var out []sample
	for _, x := range s.samples {
		if x.server == server && x.load == load && x.idle == idle && x.conns == conns {
			out = append(out, x)
		}
	}
	return out
}

// ratios compares requests per CPU second, round by round.
func ratios(a, b []sample) []float64 {
	var out []float64
	for _, x := range a {
		for _, y := range b {
			if x.round == y.round {
				out = append(out, x.perCPUSecond()/y.perCPUSecond())
			}
		}
	}
	return out
}

func values(samples []sample, of func(sample) float64) []float64 {
	var out []float64
	for _, x := range samples {
		out = append(out, of(x))
	}
	return out
}

// median returns the number in the middle, or the mean of the two in the middle, or 0 if there are
// none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// spread returns the median and, if there are several numbers, the least and the greatest, as in
// "1.5k (1.2-1.7)".
func spread(x []float64, scale float64, format, unit string) string {
	if len(x) == 0 {
		return "-"
	}
	number := func(n float64) string { return fmt.Sprintf(format, n*scale) }
	text := number(median(x)) + unit
	if least, most := number(slices.Min(x)), number(slices.Max(x)); least != most {
		text += " (" + least + "-" + most + ")"
	}
	return text
}

// short returns a duration with three digits.
func short(ns float64) string {
	switch d := time.Duration(ns); {
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
	default:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "of unknown version"
	}
	return strings.TrimSpace(string(text))
}

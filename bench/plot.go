//go:build linux

package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plots draws the measurements of the session into SVG files.
func (s *session) plots() error {
	yardstick, busiest, fewest := s.servers[0].Name, slices.Max(s.conns), slices.Min(s.conns)
	var names []string
	for _, server := range s.servers {
		names = append(names, server.Name)
	}
	wall := func(x sample) float64 { return x.wall }
	cpu := func(x sample) float64 { return x.cpu }
	for _, load := range loads {
		title := fmt.Sprintf("CPU for a %s, %d connections; %s is 1", load.name, busiest, yardstick)
		if err := s.drawBars("cpu-"+load.name, title, "times", names, func(server string) []float64 {
			return ratios(s.find(yardstick, load.name, 0, busiest), s.find(server, load.name, 0, busiest))
		}); err != nil {
			return err
		}
	}
	if memory := s.named("memory"); len(memory) > 0 {
		title := fmt.Sprintf("CPU for a request from memory, without a socket; %s is 1", memory[0])
		if err := s.drawBars("cpu-memory", title, "times", memory, func(name string) []float64 {
			return ratios(s.find(memory[0], "memory", 0, 0), s.find(name, "memory", 0, 0))
		}); err != nil {
			return err
		}
	}
	if err := s.drawBars("start", "From the start to the first answer", "seconds", names, func(server string) []float64 {
		return values(s.find(server, "start", 0, 0), wall)
	}); err != nil {
		return err
	}
	if err := s.drawBars("compile", "CPU for compiling the program", "seconds", s.named("compile"), func(name string) []float64 {
		return values(s.find(name, "compile", 0, 0), cpu)
	}); err != nil {
		return err
	}
	if len(s.levels) == 1 {
		return nil
	}
	title := fmt.Sprintf("CPU for a POST beside idle connections, %d active; beside none is 1", fewest)
	if err := s.drawLines("idle", title, "times", func(server string, idle int) []float64 {
		return ratios(s.find(server, "POST", 0, fewest), s.find(server, "POST", idle, fewest))
	}); err != nil {
		return err
	}
	return s.drawLines("memory", "Resident memory", "MB", func(server string, idle int) []float64 {
		return values(s.find(server, "rest", idle, 0), func(x sample) float64 { return float64(x.rss) / 1e6 })
	})
}

const plotWidth = 20 * vg.Centimeter

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = 8
	sans := func(f *font.Font, size vg.Length) { f.Variant, f.Size = "Sans", size }
	sans(&p.Title.TextStyle.Font, 13)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		sans(&axis.Label.TextStyle.Font, 11)
		sans(&axis.Tick.Label.Font, 11)
	}
	sans(&p.Legend.TextStyle.Font, 11)
	p.BackgroundColor = color.White
	return p
}

// drawBars draws a bar for the median of each name's figures, the first at the top, with a
// whisker from the least to the most, and the median as a number. Without names, or without
// figures, it draws nothing.
func (s *session) drawBars(file, title, unit string, names []string, of func(name string) []float64) error {
	p := newPlot(title)
	p.X.Label.Text = unit
	p.X.Min = 0
	var rows []string // from bottom to top
	var whiskers struct {
		plotter.XYs
		plotter.XErrors
	}
	var labels plotter.XYLabels
	for i, name := range slices.Backward(names) {
		x := of(name)
		if len(x) == 0 {
			continue
		}
		at, middle, least, most := float64(len(rows)), median(x), slices.Min(x), slices.Max(x)
		rows = append(rows, name)
		bar, err := plotter.NewBarChart(plotter.Values{middle}, vg.Points(13))
		if err != nil {
			return err
		}
		bar.Horizontal, bar.XMin, bar.Color, bar.LineStyle.Width = true, at, shade(i), 0
		p.Add(bar)
		whiskers.XYs = append(whiskers.XYs, plotter.XY{X: middle, Y: at})
		whiskers.XErrors = append(whiskers.XErrors, struct{ Low, High float64 }{middle - least, most - middle})
		labels.XYs = append(labels.XYs, plotter.XY{X: most, Y: at})
		labels.Labels = append(labels.Labels, digits(middle))
		p.X.Max = max(p.X.Max, 1.08*most) // with room for the number beside it
	}
	if len(rows) == 0 {
		return nil
	}
	spans, err := plotter.NewXErrorBars(whiskers)
	if err != nil {
		return err
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i].Font.Variant, numbers.TextStyle[i].Font.Size = "Sans", 10
		numbers.TextStyle[i].YAlign = draw.YCenter
	}
	numbers.Offset.X = 5
	p.Add(spans, numbers)
	p.NominalY(rows...)
	return p.Save(plotWidth, vg.Length(len(rows))*20+70, filepath.Join(s.out, file+".svg"))
}

// drawLines draws a line for each server, over the idle connections.
func (s *session) drawLines(file, title, unit string, of func(server string, idle int) []float64) error {
	p := newPlot(title)
	p.X.Label.Text, p.Y.Label.Text = "idle connections", unit
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	for i, server := range s.servers {
		var points plotter.XYs
		for _, idle := range s.levels {
			if x := of(server.Name, idle); len(x) > 0 {
				points = append(points, plotter.XY{X: float64(idle), Y: median(x)})
			}
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = shade(i), 1.5
		// As many colours as the eye distinguishes, then dashes.
		if i >= len(shades) {
			line.Dashes = []vg.Length{4, 3}
		}
		dots.Color, dots.Shape = shade(i), draw.CircleGlyph{}
		p.Add(line, dots)
		p.Legend.Add(server.Name, line, dots)
	}
	p.Legend.Left, p.Legend.Top = true, true
	p.Legend.Padding = 2
	// The legend is above the lines.
	p.Y.Max *= 1 + 0.09*float64(len(s.servers))
	return p.Save(plotWidth, 14*vg.Centimeter, filepath.Join(s.out, file+".svg"))
}

// shades are the colours of Okabe and Ito, which colour-blind readers can distinguish too.
var shades = []color.Color{
	color.NRGBA{0x00, 0x00, 0x00, 0xff}, color.NRGBA{0x00, 0x72, 0xb2, 0xff}, color.NRGBA{0xe6, 0x9f, 0x00, 0xff},
	color.NRGBA{0x00, 0x9e, 0x73, 0xff}, color.NRGBA{0xd5, 0x5e, 0x00, 0xff}, color.NRGBA{0x56, 0xb4, 0xe9, 0xff},
	color.NRGBA{0xcc, 0x79, 0xa7, 0xff}, color.NRGBA{0xf0, 0xe4, 0x42, 0xff},
}

func shade(i int) color.Color { return shades[i%len(shades)] }

// digits returns a number with two digits, or three from 100 on.
func digits(x float64) string {
	switch {
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

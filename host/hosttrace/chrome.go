package hosttrace

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host"
)

// Chrome writes the Trace Event Format, which ui.perfetto.dev and chrome://tracing open, for
// one guest. Each descriptor has a track of its own. One more track has the calls without an
// open descriptor, such as waits. Time begins with the first call. Without Close, as after the
// process was killed, the file lacks its last bracket, which the format allows.
func Chrome(w io.Writer) *Writer {
	tracks := map[int64]int{-1: 1}
	var began time.Time
	t := &Writer{w: w, end: "\n]\n"}
	t.form = func(b []byte, c host.Call) []byte {
		if began.IsZero() {
			began = c.Start
		}
		fd := c.FD
		if c.Errno == "EBADF" { // a guest can make up any number of numbers
			fd = -1
		}
		track := tracks[fd]
		if track == 0 {
			track = len(tracks) + 1
			tracks[fd] = track
			b = appendEvent(b, trackName("thread_name", track, "fd "+strconv.FormatInt(fd, 10)))
		}
		kind, _, _ := strings.Cut(c.Name, "_")
		e := event{
			Name: c.Name, Category: kind, Phase: "X", Process: 1, Track: track,
			Time: microseconds(c.Start.Sub(began)), Duration: microseconds(c.Duration),
		}
		e.Args = append(e.Args, c.Args...)
		ended := args{{Name: "errno", Text: c.Errno}, {Name: "result", Text: c.Result}, {Name: "reason", Text: c.Reason}}
		for _, end := range ended {
			if end.Text != "" {
				e.Args = append(e.Args, end)
			}
		}
		return appendEvent(b, e)
	}
	t.write(appendEvent(appendJSON([]byte("[\n"), trackName("process_name", 1, "guest")), trackName("thread_name", 1, "no descriptor")))
	return t
}

type event struct {
	Name     string  `json:"name"`
	Category string  `json:"cat,omitempty"`
	Phase    string  `json:"ph"`
	Time     float64 `json:"ts"`
	Duration float64 `json:"dur"`
	Process  int     `json:"pid"`
	Track    int     `json:"tid"`
	Args     args    `json:"args"`
}

func trackName(what string, track int, name string) event {
	return event{Name: what, Phase: "M", Process: 1, Track: track, Args: args{{Name: "name", Text: name}}}
}

// appendEvent puts the comma in front, so that none is last in a file that is cut off.
func appendEvent(b []byte, e event) []byte { return appendJSON(append(b, ",\n"...), e) }

func microseconds(d time.Duration) float64 { return float64(d) / 1e3 }

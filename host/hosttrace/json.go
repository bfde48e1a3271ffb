package hosttrace

import (
	"encoding/json"
	"io"
	"time"

	"github.com/wasisock/wasisock/host"
)

// JSON writes an object per line. Later versions may add fields, and change none:
//
//	time         when the call began, as RFC 3339 has it, in UTC
//	duration_ns  how long it took, in nanoseconds
//	name         the function
//	fd           the descriptor that it is about; absent if there is none
//	args         an object of texts, by parameter
//	errno        absent if the call succeeded
//	result       a text; absent if there is none
//	reason       what else is known of a failure; absent if there is nothing
//
// Texts are those of host.Call, with unprintable characters escaped as in a Go string.
func JSON(w io.Writer) *Writer {
	return &Writer{w: w, form: func(b []byte, c host.Call) []byte {
		line := jsonCall{Time: c.Start.UTC(), Duration: int64(c.Duration), Name: c.Name, Args: args(c.Args), Errno: c.Errno, Result: safe(c.Result), Reason: safe(c.Reason)}
		if c.FD >= 0 {
			line.FD = &c.FD
		}
		return append(appendJSON(b, line), '\n')
	}}
}

type jsonCall struct {
	Time     time.Time `json:"time"`
	Duration int64     `json:"duration_ns"`
	Name     string    `json:"name"`
	FD       *int64    `json:"fd,omitempty"`
	Args     args      `json:"args"`
	Errno    string    `json:"errno,omitempty"`
	Result   string    `json:"result,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// args is an object with its fields in the order of the parameters.
type args []host.Arg

func (a args) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, arg := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, arg.Name), ':')
		b = appendJSON(b, safe(arg.Text))
	}
	return append(b, '}'), nil
}

func appendJSON(b []byte, v any) []byte {
	text, _ := json.Marshal(v) // nothing here can fail to be JSON
	return append(b, text...)
}

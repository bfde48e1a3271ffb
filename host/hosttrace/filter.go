package hosttrace

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// Filter returns a Tracer that calls next for the calls that spec selects: names of functions
// and numbers of descriptors, separated by commas, with '!' before those to leave out.
//
//	sock_*,!sock_recv    uses of sockets, but for receiving
//	1048576,1048577      what is about these two
//	sock_*,1048576       uses of this socket
//	!poll_oneoff         all but waits
//
// A name can have the wildcards of [path.Match], and a name without "_v2" includes that
// version. A selected call has one of the names, if there are any, and uses one of the
// descriptors, if there are any.
func Filter(next host.Tracer, spec string) (host.Tracer, error) {
	var chosen, left filter
	for term := range strings.SplitSeq(spec, ",") {
		term = strings.TrimSpace(term)
		into := &chosen
		if rest, not := strings.CutPrefix(term, "!"); not {
			term, into = strings.TrimSpace(rest), &left
		}
		if err := into.add(term); err != nil {
			return nil, fmt.Errorf("filter %q: %w", spec, err)
		}
	}
	return func(c host.Call) {
		if (len(chosen.names) == 0 || chosen.named(c)) && (len(chosen.fds) == 0 || chosen.about(c)) &&
			!left.named(c) && !left.about(c) {
			next(c)
		}
	}, nil
}

// A filter selects calls, or excludes them.
type filter struct {
	names []string
	fds   map[int64]bool
}

func (f *filter) add(term string) error {
	switch {
	case term == "":
		return errors.New("a name or a number is missing; write such as sock_*,!sock_recv or 1048576")
	case strings.Trim(term, "0123456789") == "":
		fd, err := strconv.ParseUint(term, 10, 32)
		if err != nil {
			return fmt.Errorf("%s is not a descriptor: they have 32 bits", term)
		}
		if f.fds == nil {
			f.fds = map[int64]bool{}
		}
		f.fds[int64(fd)] = true
		return nil
	}
	if _, err := path.Match(term, ""); err != nil {
		return fmt.Errorf("%q is not a pattern; write such as sock_* or fd_[rw]*", term)
	}
	for _, function := range sockabi.Functions() {
		if matches(term, function.Name) {
			f.names = append(f.names, term)
			return nil
		}
	}
	return fmt.Errorf("no function that is traced is called %q; write such as sock_connect, sock_*, fd_* or poll_oneoff", term)
}

func (f *filter) about(c host.Call) bool { return f.fds[c.FD] }

func (f *filter) named(c host.Call) bool {
	for _, pattern := range f.names {
		if matches(pattern, c.Name) {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	for _, n := range []string{name, strings.TrimSuffix(name, "_v2")} {
		if ok, _ := path.Match(pattern, n); ok {
			return true
		}
	}
	return false
}

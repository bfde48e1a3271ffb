package options

import (
	"strconv"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/host"
)

// Limits returns the flags that set l.
func Limits(l *host.Limits) []cli.Flag {
	flags := []cli.Flag{
		{Name: "max-memory", Value: "BYTES", Short: "limit the guest's memory; BYTES may end in K, M or G", Set: size(&l.Memory),
			Long: "BYTES is a number. `K`, `M` and `G` multiply it by powers of 1024. The lowest limit is 65536, and a guest that needs more at its start is refused, with exit code 126."},
		{Name: "max-sockets", Value: "N", Short: "limit open sockets", Default: strconv.Itoa(host.DefaultMaxSockets), Set: Count(&l.Sockets)},
		{Name: "max-files", Value: "N", Short: "limit open files", Default: strconv.Itoa(host.DefaultMaxFiles), Set: Count(&l.Files)},
		{Name: "max-listeners", Value: "N", Short: "limit listening sockets", Set: Count(&l.Listeners)},
		{Name: "max-connections", Value: "N", Short: "limit open connections accepted from each listening socket", Set: Count(&l.Connections),
			Long: "At the limit, new connections wait until one closes."},
		{Name: "read-rate", Value: "BYTES", Short: "limit bytes per second read from sockets", Set: size(&l.ReadRate),
			Long: "A guest that is faster is delayed. A datagram counts as 28 bytes more than it has."},
		{Name: "write-rate", Value: "BYTES", Short: "limit bytes per second written to sockets", Set: size(&l.WriteRate),
			Long: "A guest that is faster is delayed. A datagram counts as 28 bytes more than it has."},
		{Name: "lookup-rate", Value: "N", Short: "limit names per second looked up", Set: rate(&l.LookupRate)},
		{Name: "timeout", Value: "DURATION", Short: "stop the guest after this time, with exit code 124", Set: Time(&l.WallTime, 1),
			Long: "DURATION is a number with a unit, such as `90s`, `1.5h` or `100ms`. A guest on wazero that computes, and is not `--interruptible`, ends with the whole of wasisock."},
		{Name: "cpu-time", Value: "DURATION", Short: "stop the guest after this CPU time, with exit code 124", Set: Time(&l.CPUTime, 1),
			Long: "As for `--timeout`, the whole of wasisock ends if a guest on wazero computes and is not `--interruptible`."},
	}
	for i := range flags {
		flags[i].Group, flags[i].Live = "Limits", true
	}
	return flags
}

// rate returns a cli.Flag's Set for a number per second, above 0.
func rate(n *uint64) func(string) error {
	return func(v string) error {
		var count int
		err := Count(&count)(v)
		*n = uint64(count)
		return err
	}
}

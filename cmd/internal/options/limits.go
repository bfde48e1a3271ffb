package options

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/host"
)

// Limits returns the flags that set l.
func Limits(l *host.Limits) []cli.Flag {
	flags := []cli.Flag{
		{Name: "max-memory", Value: "BYTES", Short: "limit the guest's memory; BYTES may end in K, M or G", Set: memory(&l.Memory),
			Long: "BYTES is a number. `K`, `M` and `G` multiply it by powers of 1024. The lowest limit is 65536, and a guest that needs more at its start is refused, with exit code 126. " +
				"`auto` is the memory limit of wasisock's cgroup, such as that of a container, without a quarter of it, or 64M if that is more, for wasisock itself; several `--instances` have equal shares."},
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

// AutoMemory is the value of --max-memory that takes the limit from the cgroup.
const AutoMemory = "auto"

// memory returns a cli.Flag's Set for a size, or AutoMemory for all guests of this process.
func memory(n *uint64) func(string) error {
	return func(v string) (err error) {
		if v != AutoMemory {
			return size(n)(v)
		}
		*n, err = memoryOfCgroup()
		return err
	}
}

// memoryOfCgroup returns the bytes that guests may have in this process's cgroup. It reads the
// limit once: a confined process cannot read it again.
var memoryOfCgroup = sync.OnceValues(func() (uint64, error) {
	limit, err := memlimit.FromCgroup()
	if err != nil {
		return 0, fmt.Errorf("no memory limit of a cgroup is found (%w); write a size such as 512M", err)
	}
	n, ok := ShareOfGuests(limit)
	if !ok {
		return 0, fmt.Errorf("the memory limit of the cgroup, %d bytes, is too low; raise it to 128M, or write a size such as 64M", limit)
	}
	return n, nil
})

// ShareOfGuests returns how many bytes of a cgroup's limit guests may have. It returns false if the
// limit is too low.
func ShareOfGuests(limit uint64) (n uint64, ok bool) {
	const least = 64 << 20
	own := max(limit/4, least)
	if limit < own+least {
		return 0, false
	}
	return limit - own, true
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

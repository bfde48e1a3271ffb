package options

import (
	"flag"
	"time"

	"github.com/wasisock/wasisock/host"
)

// Limits adds flags that set limits.
func Limits(flags *flag.FlagSet, l *host.Limits) {
	for name, n := range map[string]*int{
		"max-sockets": &l.Sockets, "max-files": &l.Files, "max-listeners": &l.Listeners, "max-connections": &l.Connections,
	} {
		flags.Func(name, "", Count(n))
	}
	for name, n := range map[string]*uint64{
		"max-memory": &l.Memory, "read-rate": &l.ReadRate, "write-rate": &l.WriteRate,
	} {
		flags.Func(name, "", size(n))
	}
	flags.Func("lookup-rate", "", func(v string) error {
		var n int
		err := Count(&n)(v)
		l.LookupRate = uint64(n)
		return err
	})
	for name, d := range map[string]*time.Duration{"timeout": &l.WallTime, "cpu-time": &l.CPUTime} {
		flags.Func(name, "", Time(d, 1))
	}
}

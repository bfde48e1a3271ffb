//go:build wasip1

package syscall

// linuxStat has the fields that Stat_t has on Linux alone.
type linuxStat struct {
	Atim    Timespec
	Mtim    Timespec
	Ctim    Timespec
	Rdev    uint64
	Blksize int64
	Blocks  int64
}

func (l *linuxStat) set(st *Stat_t) {
	l.Atim.setTimestamp(timestamp(st.Atime))
	l.Mtim.setTimestamp(timestamp(st.Mtime))
	l.Ctim.setTimestamp(timestamp(st.Ctime))
	l.Blksize, l.Blocks = 4096, int64((st.Size+511)/512)
}

//go:build wasip1

package syscall

// linuxStat is what Stat_t has on Linux besides.
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

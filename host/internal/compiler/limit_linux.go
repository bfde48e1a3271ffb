package compiler

import "golang.org/x/sys/unix"

// limitMemory limits the writable memory of this process and the size of files that it writes, and
// disables core dumps. Lower limits stay.
func limitMemory(bytes uint64) error {
	for resource, limit := range map[int]uint64{unix.RLIMIT_DATA: bytes, unix.RLIMIT_FSIZE: bytes, unix.RLIMIT_CORE: 0} {
		var has unix.Rlimit
		if err := unix.Getrlimit(resource, &has); err != nil {
			return err
		}
		limit = min(limit, has.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	return nil
}

//go:build wasip1

package syscall

import "sync"

// Advisory locks of whole files, as flock(2) has them, between the open files of this guest:
// WASI has none, so no other process and no other guest sees them.

// A fileID identifies a file: two open files with equal IDs are the same.
type fileID struct{ dev, ino uint64 }

// locks is all that are held, by descriptor. changed is told of each that is given back.
var locks = struct {
	sync.Mutex
	changed sync.Cond
	held    map[int]heldLock
}{held: map[int]heldLock{}}

// fileOf returns what fd is. Where the host numbers no files, each descriptor is one of its
// own.
func fileOf(fd int) (fileID, error) {
	var st Stat_t
	if err := Fstat(fd, &st); err != nil {
		return fileID{}, err
	}
	if st.Ino == 0 {
		return fileID{^uint64(0), uint64(fd)}, nil
	}
	return fileID{st.Dev, st.Ino}, nil
}

type heldLock struct {
	file      fileID
	exclusive bool
}

func init() { locks.changed.L = &locks }

// Flock locks the file that fd is, shared or exclusively, or unlocks it. It waits for others
// to unlock it, while other goroutines run; with LOCK_NB it returns EWOULDBLOCK instead. A
// lock that fd holds is given back first. Closing fd unlocks the file.
func Flock(fd int, how int) error {
	file, err := fileOf(fd)
	if err != nil {
		return err
	}
	want := heldLock{file: file, exclusive: how&^LOCK_NB == LOCK_EX}
	switch how &^ LOCK_NB {
	case LOCK_UN:
		unlock(fd)
		return nil
	case LOCK_SH, LOCK_EX:
	default:
		return EINVAL
	}
	locks.Lock()
	defer locks.Unlock()
	if has, ok := locks.held[fd]; ok && has == want {
		return nil
	}
	delete(locks.held, fd)
	locks.changed.Broadcast()
	for want.conflicts() {
		if how&LOCK_NB != 0 {
			return EWOULDBLOCK
		}
		locks.changed.Wait()
		if now, err := fileOf(fd); err != nil || now != want.file {
			return EBADF // closed meanwhile
		}
	}
	locks.held[fd] = want
	return nil
}

func (l heldLock) conflicts() bool {
	for _, other := range locks.held {
		if other.file == l.file && (other.exclusive || l.exclusive) {
			return true
		}
	}
	return false
}

// unlock gives back the lock that fd holds.
func unlock(fd int) {
	locks.Lock()
	defer locks.Unlock()
	if _, ok := locks.held[fd]; ok {
		delete(locks.held, fd)
		locks.changed.Broadcast()
	}
}

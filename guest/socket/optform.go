package socket

import (
	"math"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// A form is how the ABI carries an option's values.
type form[T any] struct {
	get func(s *Socket, level, name int32) (T, syscall.Errno)
	set func(s *Socket, level, name int32, v T) syscall.Errno
}

// getOption and setOption exchange a value of the ABI's own type.
func getOption[V any](s *Socket, level, name int32, v *V) syscall.Errno {
	size := uint32(unsafe.Sizeof(*v))
	return sysGetOption(s.fd(), level, name, unsafe.Pointer(v), &size)
}

func setOption[V any](s *Socket, level, name int32, v *V) syscall.Errno {
	return sysSetOption(s.fd(), level, name, unsafe.Pointer(v), uint32(unsafe.Sizeof(*v)))
}

func getInt(s *Socket, level, name int32) (int, syscall.Errno) {
	var v int32
	e := getOption(s, level, name, &v)
	return int(v), e
}

func setInt(s *Socket, level, name int32, n int) syscall.Errno {
	v := int32(n)
	if int(v) != n {
		return syscall.EINVAL
	}
	return setOption(s, level, name, &v)
}

func getBool(s *Socket, level, name int32) (bool, syscall.Errno) {
	n, e := getInt(s, level, name)
	return n != 0, e
}

func setBool(s *Socket, level, name int32, on bool) syscall.Errno {
	if on {
		return setInt(s, level, name, 1)
	}
	return setInt(s, level, name, 0)
}

// getError keeps what it is told, because the host does not.
func getError(s *Socket, level, name int32) (int, syscall.Errno) {
	n, e := getInt(s, level, name)
	if n != 0 {
		s.soErr = syscall.Errno(n)
	}
	return n, e
}

func getSeconds(s *Socket, level, name int32) (time.Duration, syscall.Errno) {
	n, e := getInt(s, level, name)
	return time.Duration(n) * time.Second, e
}

func setSeconds(s *Socket, level, name int32, d time.Duration) syscall.Errno {
	n, e := wholeSeconds(d)
	if e != 0 {
		return e
	}
	return setOption(s, level, name, &n)
}

func wholeSeconds(d time.Duration) (int32, syscall.Errno) {
	n := d / time.Second
	if d%time.Second > 0 {
		n++
	}
	if d < 0 || n > math.MaxInt32 {
		return 0, syscall.EINVAL
	}
	return int32(n), 0
}

func getLinger(s *Socket, level, name int32) (Linger, syscall.Errno) {
	var v sockabi.Linger
	e := getOption(s, level, name, &v)
	if v.OnOff == 0 { // Linux keeps the seconds of before
		return Linger{}, e
	}
	return Linger{On: true, Timeout: time.Duration(v.Seconds) * time.Second}, e
}

func setLinger(s *Socket, level, name int32, l Linger) syscall.Errno {
	var v sockabi.Linger
	if l.On {
		v.OnOff = 1
	}
	var e syscall.Errno
	if v.Seconds, e = wholeSeconds(l.Timeout); e != 0 {
		return e
	}
	return setOption(s, level, name, &v)
}

func getTimeval(s *Socket, level, name int32) (time.Duration, syscall.Errno) {
	var v sockabi.Timeval
	e := getOption(s, level, name, &v)
	return time.Duration(v.Seconds)*time.Second + time.Duration(v.Microseconds)*time.Microsecond, e
}

func setTimeval(s *Socket, level, name int32, d time.Duration) syscall.Errno {
	v, e := timeval(d)
	if e != 0 {
		return e
	}
	return setOption(s, level, name, &v)
}

func timeval(d time.Duration) (sockabi.Timeval, syscall.Errno) {
	if d < 0 {
		return sockabi.Timeval{}, syscall.EINVAL
	}
	micro := int64(d / time.Microsecond)
	if d%time.Microsecond > 0 {
		micro++
	}
	return sockabi.Timeval{Seconds: micro / 1e6, Microseconds: micro % 1e6}, 0
}

// maxDevice is more than the name of a network interface has anywhere.
const maxDevice = 64

func getString(s *Socket, level, name int32) (string, syscall.Errno) {
	var v [maxDevice]byte
	size := uint32(len(v))
	if e := sysGetOption(s.fd(), level, name, unsafe.Pointer(&v), &size); e != 0 {
		return "", e
	}
	text, _, _ := strings.Cut(string(v[:min(int(size), len(v))]), "\x00")
	return text, 0
}

func setString(s *Socket, level, name int32, text string) syscall.Errno {
	var v [maxDevice]byte
	if len(text) >= len(v) || strings.IndexByte(text, 0) >= 0 {
		return syscall.EINVAL
	}
	copy(v[:], text)
	return sysSetOption(s.fd(), level, name, unsafe.Pointer(&v), uint32(len(text)))
}

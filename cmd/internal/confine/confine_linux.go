package confine

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Access rights of Landlock.
const (
	readable  = ll.AccessFSReadFile | ll.AccessFSReadDir
	writable  = readable | changes | ll.AccessFSMakeSock
	changes   = ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSMakeDir | ll.AccessFSMakeSym | ll.AccessFSRemoveFile | ll.AccessFSRemoveDir | ll.AccessFSRefer
	bindable  = ll.AccessFSMakeSock | ll.AccessFSRemoveFile
	ofFiles   = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSExecute | ll.AccessFSIoctlDev
	allOfABI5 = ll.AccessFSResolveUnix - 1
)

// ABI returns the kernel's version of Landlock's ABI, or 0 if the kernel has no Landlock or a
// sandbox around this process forbids it.
func ABI() int {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return abi
}

// confined is true once Landlock confines this process.
var confined atomic.Bool

// NoNewPrivs makes sure that no program that this process starts, on any thread, has more
// privileges than the process.
func NoNewPrivs() error {
	return os.NewSyscallError("prctl", ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// Apply confines this process, on every thread, and the processes that it starts. If the kernel's
// ABI is below MinABI, it only does what NoNewPrivs does.
func (n Needs) Apply() error {
	if err := NoNewPrivs(); err != nil || ABI() < MinABI {
		return err
	}
	config := landlock.Config{HandledAccessFS: allOfABI5, Scoped: ll.ScopeSignal}
	if !n.Abstract {
		config.Scoped |= ll.ScopeAbstractUnixSocket
	}
	rules, err := n.files()
	if err != nil {
		return err
	}
	if !everyPort(n.Dial) {
		config.HandledAccessNet |= ll.AccessNetConnectTCP
		for _, port := range ports(n.Dial) {
			rules = append(rules, landlock.ConnectTCP(port))
		}
	}
	if !everyPort(n.Listen) {
		config.HandledAccessNet |= ll.AccessNetBindTCP
		for _, port := range ports(n.Listen) {
			rules = append(rules, landlock.BindTCP(port))
		}
	}
	if err := config.BestEffort().Restrict(rules...); err != nil {
		return err
	}
	confined.Store(true)
	// Processes started later cannot read the limits of their cgroup: each has a /proc/self of
	// its own, about which there can be no rule.
	return os.Setenv("GOMAXPROCS", strconv.Itoa(runtime.GOMAXPROCS(0)))
}

// TempDir creates a directory for the temporary files of this process and its children, and sets
// TMPDIR to it, so that a confined process need not write to the shared one. in is the directory
// in which it lies; the process must have it in Needs.Rmdir so that remove can remove the new
// one. If the kernel's ABI is below MinABI, TempDir does nothing and returns "".
func TempDir() (in string, remove func(), err error) {
	if ABI() < MinABI {
		return "", func() {}, nil
	}
	in, err = filepath.Abs(os.TempDir())
	if err != nil {
		return "", func() {}, err
	}
	dir, err := os.MkdirTemp(in, "wasisock-run-")
	if err != nil {
		return "", func() {}, err
	}
	// systemd-tmpfiles deletes old files, but skips a locked directory.
	lock, err := os.Open(dir)
	if err == nil {
		unix.Flock(int(lock.Fd()), unix.LOCK_SH)
	}
	os.Setenv("TMPDIR", dir)
	return in, func() {
		// Not RemoveAll, which opens the directory above.
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			os.RemoveAll(filepath.Join(dir, f.Name()))
		}
		os.Remove(dir)
		lock.Close()
		os.Setenv("TMPDIR", in)
	}, nil
}

// files returns the rules about files, those of n and those for every program.
func (n Needs) files() (rules []landlock.Rule, err error) {
	scratch, err := ll.LandlockCreateRuleset(&ll.RulesetAttr{HandledAccessFS: ll.AccessFSReadFile}, 0)
	if err != nil {
		return nil, os.NewSyscallError("landlock_create_ruleset", err)
	}
	defer unix.Close(scratch)
	give := func(rights landlock.AccessFSSet, paths ...string) {
		for _, path := range paths {
			// A path that this process cannot reach needs no rule, and can have none.
			info, err := os.Stat(path)
			if err != nil || isInternal(scratch, path) {
				continue
			}
			given := rights
			if !info.IsDir() {
				given &= ofFiles
			}
			rules = append(rules, landlock.PathAccess(given, path).IgnoreIfMissing())
		}
	}
	give(readable, n.Read...)
	give(writable, n.Write...)
	give(bindable, n.Bind...)
	give(ll.AccessFSRemoveFile, n.Unlink...)
	give(ll.AccessFSRemoveDir, n.Rmdir...)

	programs, libraries := program()
	give(ll.AccessFSExecute|ll.AccessFSReadFile, programs...)
	give(readable, libraries...)
	give(readable, resolver()...)
	give(readable, processes()...)
	give(ll.AccessFSReadFile|ll.AccessFSWriteFile, "/dev/null")
	give(ll.AccessFSReadFile, "/dev/tty", "/dev/urandom", "/etc/localtime")
	give(readable, "/usr/share/zoneinfo")
	return rules, nil
}

// isInternal reports whether a file is internal to the kernel, such as a pipe or a memfd, which
// /dev/stdin may be. Landlock allows these, and accepts no rules about them.
func isInternal(ruleset int, path string) bool {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	rule := ll.PathBeneathAttr{ParentFd: fd, AllowedAccess: ll.AccessFSReadFile}
	return ll.LandlockAddPathBeneathRule(ruleset, &rule, 0) == unix.EBADFD
}

// program returns the paths that are needed to start this program again: its file and the files
// whose code is mapped, such as the loader, and the directories of its libraries, from which
// others may be loaded later.
func program() (files, libraries []string) {
	const exe = "/proc/self/exe"
	files = []string{exe}
	own, _ := os.Readlink(exe)
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return files, nil
	}
	defer maps.Close()
	seen := map[string]bool{own: true}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		// 7f11-7f22 r-xp 00026000 fd:00 1234     /usr/lib/libc.so.6
		line := lines.Text()
		start := strings.IndexByte(line, '/')
		if start < 0 || !strings.Contains(line[:start], "x") {
			continue
		}
		if file := strings.TrimSuffix(line[start:], " (deleted)"); !seen[file] {
			seen[file] = true
			files, libraries = append(files, file), append(libraries, filepath.Dir(file))
		}
	}
	if libraries != nil {
		libraries = append(libraries, "/etc/ld.so.cache", "/etc/ld.so.preload")
	}
	return files, libraries
}

// resolver returns the files that the resolvers of Go and of libc read. If /etc/resolv.conf is a
// symbolic link, it also returns the directory of the target, which may be replaced.
func resolver() []string {
	const conf = "/etc/resolv.conf"
	files := []string{conf, "/etc/hosts", "/etc/services", "/etc/protocols", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"}
	if real, err := filepath.EvalSymlinks(conf); err == nil && filepath.Dir(real) != filepath.Dir(conf) {
		files = append(files, filepath.Dir(real))
	}
	return files
}

// self keeps the directory of this process in /proc open. Otherwise the kernel may drop its inode
// and make another, about which there is no rule.
var self *os.File

// processes returns the files that describe this process and this machine. Metrics, profiles,
// threads of C and WasmEdge's cache need them.
func processes() []string {
	if self == nil {
		self, _ = os.Open("/proc/self")
	}
	return []string{"/proc/self", "/proc/stat", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/net/core/somaxconn", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"}
}

// permitted reports whether this process is confined and the file's permissions let it read the
// file: then only Landlock can have denied that.
func permitted(path string) bool {
	return confined.Load() && unix.Access(path, unix.R_OK) == nil
}

//go:build linux || darwin

package wazero

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host"
)

// What wazero provides, as audited. When this list changes with a new wazero, read
// what is new: whether it takes a descriptor, which then can be a socket's number or
// any other, and whether it lets a guest choose how much the host allocates.
const wazeroFunctions = `
args_get(i32 i32) i32
args_sizes_get(i32 i32) i32
clock_res_get(i32 i32) i32
clock_time_get(i32 i64 i32) i32
environ_get(i32 i32) i32
environ_sizes_get(i32 i32) i32
fd_advise(i32 i64 i64 i32) i32
fd_allocate(i32 i64 i64) i32
fd_close(i32) i32
fd_datasync(i32) i32
fd_fdstat_get(i32 i32) i32
fd_fdstat_set_flags(i32 i32) i32
fd_fdstat_set_rights(i32 i64 i64) i32
fd_filestat_get(i32 i32) i32
fd_filestat_set_size(i32 i64) i32
fd_filestat_set_times(i32 i64 i64 i32) i32
fd_pread(i32 i32 i32 i64 i32) i32
fd_prestat_dir_name(i32 i32 i32) i32
fd_prestat_get(i32 i32) i32
fd_pwrite(i32 i32 i32 i64 i32) i32
fd_read(i32 i32 i32 i32) i32
fd_readdir(i32 i32 i32 i64 i32) i32
fd_renumber(i32 i32) i32
fd_seek(i32 i64 i32 i32) i32
fd_sync(i32) i32
fd_tell(i32 i32) i32
fd_write(i32 i32 i32 i32) i32
path_create_directory(i32 i32 i32) i32
path_filestat_get(i32 i32 i32 i32 i32) i32
path_filestat_set_times(i32 i32 i32 i32 i64 i64 i32) i32
path_link(i32 i32 i32 i32 i32 i32 i32) i32
path_open(i32 i32 i32 i32 i32 i64 i64 i32 i32) i32
path_readlink(i32 i32 i32 i32 i32 i32) i32
path_remove_directory(i32 i32 i32) i32
path_rename(i32 i32 i32 i32 i32 i32) i32
path_symlink(i32 i32 i32 i32 i32) i32
path_unlink_file(i32 i32 i32) i32
poll_oneoff(i32 i32 i32 i32) i32
proc_exit(i32)
proc_raise(i32) i32
random_get(i32 i32) i32
sched_yield() i32
sock_accept(i32 i32 i32) i32
sock_recv(i32 i32 i32 i32 i32 i32) i32
sock_send(i32 i32 i32 i32 i32) i32
sock_shutdown(i32 i32) i32
`

// TestWhatWazeroProvides fails loudly when wazero changes where this package takes
// hold of it. That its functions work when called from ours is what every test
// that runs a guest shows.
func TestWhatWazeroProvides(t *testing.T) {
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	wasi, err := wasi_snapshot_preview1.NewBuilder(r).Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(wazeroFunctions), "\n")
	var got []string
	for name, def := range wasi.ExportedFunctions() {
		f := name + string(signatureOf(def))
		got = append(got, f)
		if !slices.Contains(want, f) {
			t.Errorf("%s is new", f)
		}
		if _, ok := def.GoFunction().(api.GoModuleFunction); !ok {
			t.Errorf("%s is a %T, and cannot be called from here", f, def.GoFunction())
		}
	}
	for _, f := range want {
		if !slices.Contains(got, f) {
			t.Errorf("%s is gone", f)
		}
	}
}

// TestNumbersThatAGuestMakesUp calls every function that a guest can import, with
// descriptors that are not open and with counts and pointers beyond all bounds. The
// guest gets an answer, and the host allocates nothing to speak of: wazero's own
// fd_renumber would allocate gigabytes.
func TestNumbersThatAGuestMakesUp(t *testing.T) {
	m := &module{}
	defer m.Close()
	m.newRuntime(t.Context(), wazero.NewRuntimeConfig())
	available, err := m.provisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	numbers := []int64{0x3fffffff, 0x7fffffff, -1, 1 << 20, 64, 3, 0}
	for name, provisions := range available {
		if name == "proc_exit" {
			continue
		}
		for _, p := range provisions {
			f := wasmFunc{name: name, results: "i"}
			for _, param := range p.params {
				f.params += map[api.ValueType]string{api.ValueTypeI32: "i", api.ValueTypeI64: "I"}[param]
			}
			var code []byte
			for _, first := range numbers {
				for _, rest := range numbers {
					for i, param := range f.params {
						n := rest
						if i == 0 {
							n = first
						}
						if param == i64 {
							code = append(code, constI64(n)...)
						} else {
							code = append(code, constI32(int32(n))...)
						}
					}
					code = append(append(code, callFunc(0)...), drop...)
				}
			}
			wasm := wasmModule{imports: []wasmFunc{f}, pages: 1, code: code}.bytes()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			exit, err := run(t.Context(), wasm, &host.Cmd{
				Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/"}},
			})
			runtime.ReadMemStats(&after)
			if exit != 0 || err != nil {
				t.Errorf("%s%v: %d, %v", name, newSignature(p.params, p.results), exit, err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("%s made the host allocate %d bytes", name, n)
			}
		}
	}
}

// TestRenumbering holds that only open descriptors are targets.
func TestRenumbering(t *testing.T) {
	renumber := func(from, to int32) wasmModule {
		return wasmModule{
			imports: []wasmFunc{{name: "fd_renumber", params: "ii", results: "i"}, {name: "proc_exit", params: "i"}},
			pages:   1,
			code:    instructions(constI32(from), constI32(to), callFunc(0), callFunc(1)),
		}
	}
	const badf, notsup = 8, 58
	for _, test := range []struct {
		from, to int32
		want     int
	}{
		{3, 0x3fffffff, badf},
		{3, 64, badf},
		{3, -1, badf},
		{64, 3, badf},
		{0x3fffffff, 3, badf},
		{3, 1 << 20, badf},
		{3, 4, notsup}, // both are folders given to the guest, which wazero keeps in place
	} {
		code, err := run(t.Context(), renumber(test.from, test.to).bytes(), &host.Cmd{
			Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/a"}, {Host: t.TempDir(), Guest: "/b"}},
		})
		if code != test.want || err != nil {
			t.Errorf("fd_renumber(%d, %d): %d, %v; want %d", test.from, test.to, code, err, test.want)
		}
	}
}

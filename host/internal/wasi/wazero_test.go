package wasi

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host/internal/inspect"
)

// The functions of wazero, as audited. When this list changes with a new wazero, read the new
// functions: whether they take a descriptor, which can be a socket's number or any other, and
// whether a guest can choose how much the host allocates.
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

// TestWhatWazeroProvides fails if the functions of wazero change on which this package relies.
// Every test that runs a guest shows that they work when they are called from ours.
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
		f := name + string(inspect.NewSignature(def.ParamTypes(), def.ResultTypes()))
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

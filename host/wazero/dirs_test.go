//go:build linux || darwin

package wazero

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// TestFolders runs file operations one after another in one guest, which has
// readable and writable folders beside a secret outside of both.
func TestFolders(t *testing.T) {
	const refused = "Operation not permitted"
	const readOnly = "Read-only file system"
	for _, test := range []struct {
		name string
		ops  [][2]string // and what comes of them
	}{
		{"what a guest does in its folder", [][2]string{
			{"write /rw/a text", ""},
			{"read /rw/a", "text"},
			{"mkdir /rw/d", ""},
			{"rename /rw/a /rw/d/b", ""},
			{"read /rw/d/../d/b", "text"},
			{"link /rw/hard /rw/d/b", ""},
			{"read /rw/hard", "text"},
			{"symlink /rw/soft d/b", ""},
			{"read /rw/soft", "text"},
			{"readlink /rw/soft", "d/b"},
			{"symlink /rw/d/up ../hard", ""},
			{"read /rw/d/up", "text"},
			{"chtimes /rw/soft", ""},
			{"list /rw", "/rw,/rw/d,/rw/d/b,/rw/d/up,/rw/hard,/rw/inside,/rw/outside,/rw/outside-file,/rw/outside-relative,/rw/soft"},
			{"remove /rw/soft", ""},
			{"remove /rw/d/b", ""},
			{"read /rw/none", "No such file or directory"},
			{"write /rw/none/file text", "No such file or directory"},
			{"read /rw/inside", "inside"},
		}},
		{"what a guest does by os.Root", [][2]string{
			{"root /rw", ""},
			{"root-write a text", ""},
			{"root-read a", "text"},
			{"root-symlink soft a", ""},
			{"root-read soft", "text"},
			{"root-open inside", ""},
			{"root-open outside", "Too many symbolic links"},
			{"root-open outside/", refused},
			{"root-open outside/secret", refused},
			{"root-symlink up ..", refused},
			{"root-symlink up /", refused},
			{"root-remove outside", ""},
		}},
		{"what a guest may not change", [][2]string{
			{"read /ro/file", "inside"},
			{"list /ro", "/ro,/ro/file"},
			{"write /ro/file text", readOnly},
			{"write /ro/new text", readOnly},
			{"create /ro/new", readOnly},
			{"truncate /ro/file", readOnly},
			{"mkdir /ro/new", readOnly},
			{"remove /ro/file", readOnly},
			{"rename /ro/file /ro/new", readOnly},
			{"symlink /ro/new file", readOnly},
			{"link /ro/new /ro/file", readOnly},
			{"chtimes /ro/file", readOnly},
			{"read /ro/file", "inside"},
		}},
		{"what lies outside", [][2]string{
			{"read /secret", "Bad file number"},
			{"read /rw/../secret", "Bad file number"},
			{"read /rw/outside/secret", refused},
			{"read /rw/outside-file", refused},
			{"read /rw/outside-relative", refused},
			{"stat /rw/outside", refused},
			{"stat /rw/outside/secret", refused},
			{"lstat /rw/outside", ""},
			{"lstat /rw/outside/secret", refused},
			{"write /rw/outside/new text", refused},
			{"write /rw/outside-file text", refused},
			{"mkdir /rw/outside/new", refused},
			{"remove /rw/outside/secret", refused},
			{"rename /rw/outside/secret /rw/mine", refused},
			{"rename /rw/inside /rw/outside/mine", refused},
			{"link /rw/mine /rw/outside/secret", refused},
			{"link /rw/mine /rw/outside-file", refused},
			{"link /rw/outside/mine /rw/inside", refused},
			{"chtimes /rw/outside/secret", refused},
			{"list /rw/outside", "/rw/outside"},
			{"readlink /rw/outside/secret", refused},
		}},
		{"links out of a folder that a guest makes", [][2]string{
			{"symlink /rw/a /etc", refused},
			{"symlink /rw/a ..", refused},
			{"symlink /rw/a ../secret", refused},
			{"mkdir /rw/d", ""},
			{"symlink /rw/d/a ../../secret", refused},
			{"symlink /rw/outside/a inside", refused},
			{"mkdir /rw/d/e", ""},
			{"symlink /rw/d/e/up ../..", ""},
			{"read /rw/d/e/up/inside", "inside"},
			{"rename /rw/d/e/up /rw/up", ""},
			{"read /rw/up/secret", refused},
			{"write /rw/up/new text", refused},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "secret"), "secret")
			write(t, filepath.Join(root, "ro", "file"), "inside")
			write(t, filepath.Join(root, "rw", "inside"), "inside")
			for link, target := range map[string]string{
				"outside":          root,
				"outside-file":     filepath.Join(root, "secret"),
				"outside-relative": "../secret",
			} {
				if err := os.Symlink(target, filepath.Join(root, "rw", link)); err != nil {
					t.Fatal(err)
				}
			}
			cfg := command(t, "files")
			var want strings.Builder
			for _, op := range test.ops {
				cfg.Args = append(cfg.Args, op[0])
				want.WriteString(op[0] + ": " + op[1] + "\n")
			}
			cfg.Dirs = []host.Dir{
				{Host: filepath.Join(root, "rw"), Guest: "/rw"},
				{Host: filepath.Join(root, "ro"), Guest: "/ro", ReadOnly: true},
			}
			var out bytes.Buffer
			cfg.Stdout = &out
			if code, err := run(t.Context(), guestWasm(t), cfg); code != 0 || err != nil {
				t.Fatal(code, err)
			}
			got, wanted := strings.Split(out.String(), "\n"), strings.Split(want.String(), "\n")
			for i := range wanted {
				if i >= len(got) || got[i] != wanted[i] {
					t.Errorf("got  %q\nwant %q", got[min(i, len(got)-1)], wanted[i])
				}
			}
			if text, err := os.ReadFile(filepath.Join(root, "secret")); string(text) != "secret" || err != nil {
				t.Errorf("the secret is %q, %v", text, err)
			}
			if entries, _ := os.ReadDir(root); len(entries) != 3 {
				t.Errorf("the guest left something outside: %v", entries)
			}
		})
	}
}

func TestTheWholeFileSystem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "file"), link); err != nil {
		t.Fatal(err)
	}
	cfg := command(t, "files", "read "+link)
	cfg.Dirs = []host.Dir{{Host: "/", Guest: "/"}}
	var out bytes.Buffer
	cfg.Stdout = &out
	code, err := run(t.Context(), guestWasm(t), cfg)
	if code != 0 || err != nil || out.String() != "read "+link+": text\n" {
		t.Errorf("%d, %v, %s", code, err, &out)
	}
}

package stdnet

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// TestHostWithoutTheExtension: a host that has no sockets does not load a program, and
// names what it lacks.
func TestHostWithoutTheExtension(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a guest")
	}
	module, err := os.ReadFile(guestPoller(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	_, err = r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithArgs("poller", "echo").WithStdout(os.Stdout))
	if err == nil || !strings.Contains(err.Error(), "sock_") {
		t.Errorf("the error is %v", err)
	}
}

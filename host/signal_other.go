//go:build !unix

package host

import "os"

// signals is empty: guests do not run on these operating systems.
var signals map[os.Signal]int

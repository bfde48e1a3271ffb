//go:build !wasip1

// Package absent imports what does not compile for wasip1, so that go.mod keeps it.
package absent

import _ "github.com/pkg/sftp"

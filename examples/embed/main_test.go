//go:build linux || darwin

package main

import (
	"testing"

	"github.com/wasisock/wasisock/internal/embedtest"
)

func TestServer(t *testing.T) { embedtest.Serves(t) }

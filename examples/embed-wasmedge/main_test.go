//go:build wasmedge

package main

import (
	"testing"

	"github.com/wasisock/wasisock/internal/embedtest"
)

func TestServer(t *testing.T) { embedtest.Serves(t, "-tags=wasmedge") }

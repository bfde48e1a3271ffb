//go:build linux || darwin

package main

import (
	"testing"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
)

// What package commandtest tests on every engine.

func TestDrainDelay(t *testing.T) { commandtest.DrainDelay(t, executable(t)) }

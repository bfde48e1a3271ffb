//go:build !unix

package oci

import (
	"context"
	"os/exec"
	"time"
)

func lock(context.Context, string, time.Duration) (func(), error) { return nil, errLinux }

func lowerRights(*exec.Cmd) {}

func Become(string, []string, []string) error { return errLinux }

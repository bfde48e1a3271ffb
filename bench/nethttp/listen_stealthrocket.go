//go:build stealthrocket && wasip1

package main

import "github.com/stealthrocket/net/wasip1"

var listen = wasip1.Listen

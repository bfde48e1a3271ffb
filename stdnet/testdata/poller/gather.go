package main

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// exits writes to an address, and ends the program in some way. With size it writes so
// much.
func exits(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	size := 3
	fmt.Sscan(args[2], &size)
	if n, err := c.Write(make([]byte, size)); n != size || err != nil {
		return fmt.Errorf("wrote %d, %v", n, err)
	}
	switch args[1] {
	case "exit":
		os.Exit(0)
	case "panic":
		panic("as it should")
	case "fatal":
		new(sync.Mutex).Unlock() // fatal error: sync: unlock of unlocked mutex
	}
	return nil
}

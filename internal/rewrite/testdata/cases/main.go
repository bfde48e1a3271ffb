// Command cases has what a rewriting of modules must leave as it is. Each argument names a
// case, which prints what it computes: the same for each body of each function.
package main

import (
	"fmt"
	"os"
)

var cases = map[string]func(){
	"parked":  parked,
	"panics":  panics,
	"memory":  memory,
	"frames":  frames,
	"shrink":  shrink,
	"depth":   depth,
	"loops":   loops,
	"callers": callers,
	"control": control,
	"runtime": ofRuntime,
}

func main() {
	for _, name := range os.Args[1:] {
		fmt.Println("case", name)
		cases[name]()
	}
}

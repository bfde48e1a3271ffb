// Command program is the program that the tests run by go run and go test.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	wd, err := os.Getwd()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%q in %s with %s\n", os.Args[1:], filepath.Base(wd), os.Getenv("WASISOCK_TEST_VARIABLE"))
	os.Exit(len(os.Args[1:]))
}

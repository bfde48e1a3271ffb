// Command compute computes for about a second as a guest, with much that compares.
package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
)

func main() {
	random := rand.New(rand.NewPCG(1, 2))
	numbers := make([]int, 100_000)
	counts := map[int]int{}
	for i := range numbers {
		numbers[i] = random.IntN(len(numbers))
		counts[bits(numbers[i], i)]++
	}
	slices.Sort(numbers)
	text, err := json.Marshal(counts)
	if err == nil {
		err = json.Unmarshal(text, &counts)
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression)
	for _, n := range numbers {
		w.Write([]byte{byte(n), byte(n >> 8)})
	}
	w.Close()
	sum := sha256.Sum256(packed.Bytes())
	if err != nil || !slices.IsSorted(numbers) || sum[0]&sum[1] > sum[0] {
		os.Exit(1)
	}
}

// bits compares with 0 what two numbers have in common.
func bits(x, y int) (n int) {
	for x&y > 0 {
		x >>= 1
		n++
	}
	return n
}

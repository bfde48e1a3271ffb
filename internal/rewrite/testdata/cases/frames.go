package main

import "fmt"

// frames has a frame of megabytes.
func frames() {
	done := make(chan int)
	go func() { done <- megabytes(3) }()
	fmt.Println(<-done, megabytes(5), chain(40))
}

type block [120 << 10]byte

//go:noinline
func megabytes(n int) (sum int) {
	var first [8]int
	for i := range first {
		first[i] = n * i
	}
	first[n]++
	first[0] = first[n] + first[1]
	var b0 block
	for i := range b0 {
		b0[i] = byte(i + n + 0)
	}
	var b1 block
	for i := range b1 {
		b1[i] = byte(i + n + 1)
	}
	var b2 block
	for i := range b2 {
		b2[i] = byte(i + n + 2)
	}
	var b3 block
	for i := range b3 {
		b3[i] = byte(i + n + 3)
	}
	var b4 block
	for i := range b4 {
		b4[i] = byte(i + n + 4)
	}
	var b5 block
	for i := range b5 {
		b5[i] = byte(i + n + 5)
	}
	var b6 block
	for i := range b6 {
		b6[i] = byte(i + n + 6)
	}
	var b7 block
	for i := range b7 {
		b7[i] = byte(i + n + 7)
	}
	var b8 block
	for i := range b8 {
		b8[i] = byte(i + n + 8)
	}
	var b9 block
	for i := range b9 {
		b9[i] = byte(i + n + 9)
	}
	var b10 block
	for i := range b10 {
		b10[i] = byte(i + n + 10)
	}
	var b11 block
	for i := range b11 {
		b11[i] = byte(i + n + 11)
	}
	var b12 block
	for i := range b12 {
		b12[i] = byte(i + n + 12)
	}
	var b13 block
	for i := range b13 {
		b13[i] = byte(i + n + 13)
	}
	var b14 block
	for i := range b14 {
		b14[i] = byte(i + n + 14)
	}
	var b15 block
	for i := range b15 {
		b15[i] = byte(i + n + 15)
	}
	var b16 block
	for i := range b16 {
		b16[i] = byte(i + n + 16)
	}
	var b17 block
	for i := range b17 {
		b17[i] = byte(i + n + 17)
	}
	var b18 block
	for i := range b18 {
		b18[i] = byte(i + n + 18)
	}
	var b19 block
	for i := range b19 {
		b19[i] = byte(i + n + 19)
	}
	var b20 block
	for i := range b20 {
		b20[i] = byte(i + n + 20)
	}
	var b21 block
	for i := range b21 {
		b21[i] = byte(i + n + 21)
	}
	var b22 block
	for i := range b22 {
		b22[i] = byte(i + n + 22)
	}
	var b23 block
	for i := range b23 {
		b23[i] = byte(i + n + 23)
	}
	sum += int(b0[n+0]) * 1
	sum += int(b1[n+1]) * 2
	sum += int(b2[n+2]) * 3
	sum += int(b3[n+3]) * 4
	sum += int(b4[n+4]) * 5
	sum += int(b5[n+5]) * 6
	sum += int(b6[n+6]) * 7
	sum += int(b7[n+7]) * 8
	sum += int(b8[n+8]) * 9
	sum += int(b9[n+9]) * 10
	sum += int(b10[n+10]) * 11
	sum += int(b11[n+11]) * 12
	sum += int(b12[n+12]) * 13
	sum += int(b13[n+13]) * 14
	sum += int(b14[n+14]) * 15
	sum += int(b15[n+15]) * 16
	sum += int(b16[n+16]) * 17
	sum += int(b17[n+17]) * 18
	sum += int(b18[n+18]) * 19
	sum += int(b19[n+19]) * 20
	sum += int(b20[n+20]) * 21
	sum += int(b21[n+21]) * 22
	sum += int(b22[n+22]) * 23
	sum += int(b23[n+23]) * 24
	for _, v := range first {
		sum += v
	}
	return sum
}

// chain has frames of 100 KB, which the stack outgrows again and again.
//
//go:noinline
func chain(n int) int {
	var b [100 << 10]byte
	var c [3]int
	for i := range b {
		b[i] = byte(i * n)
	}
	c[n%3] = int(b[n*1000])
	if n > 0 {
		c[(n+1)%3] = chain(n - 1)
	}
	return c[0] + c[1] + c[2] + int(b[len(b)-1])
}

package main

import "time"

// source sends every step-th number below n, from first on.
func source(first, step, n int) <-chan uint64 {
	c := make(chan uint64)
	go func() {
		for i := first; i < n; i += step {
			c <- uint64(i)
		}
	}()
	return c
}

func select2(n int) outcome {
	start := time.Now()
	a, b := source(0, 2, n), source(1, 2, n)
	var sum uint64
	for range n {
		select {
		case v := <-a:
			sum += v
		case v := <-b:
			sum += v
		}
	}
	return timed(time.Since(start), n, sum, triangle(n))
}

func select8(n int) outcome {
	start := time.Now()
	a, b, c, d := source(0, 8, n), source(1, 8, n), source(2, 8, n), source(3, 8, n)
	e, f, g, h := source(4, 8, n), source(5, 8, n), source(6, 8, n), source(7, 8, n)
	var sum uint64
	for range n {
		select {
		case v := <-a:
			sum += v
		case v := <-b:
			sum += v
		case v := <-c:
			sum += v
		case v := <-d:
			sum += v
		case v := <-e:
			sum += v
		case v := <-f:
			sum += v
		case v := <-g:
			sum += v
		case v := <-h:
			sum += v
		}
	}
	return timed(time.Since(start), n, sum, triangle(n))
}

func selectNonBlocking(n int) outcome {
	c := make(chan uint64, 1)
	var nothing uint64
	start := time.Now()
	for range n {
		select {
		case <-c:
			panic("out of nowhere")
		default:
			nothing++
		}
	}
	elapsed := time.Since(start)
	c <- 1
	return timed(elapsed, n, nothing+<-c, uint64(n)+1)
}

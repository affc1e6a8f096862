package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var total atomic.Uint64

func spawn(n int) outcome {
	start := time.Now()
	var wg sync.WaitGroup
	wg.Add(n)
	for i := range n {
		go func() {
			total.Add(uint64(i))
			wg.Done()
		}()
	}
	wg.Wait()
	return timed(time.Since(start), n, total.Load(), triangle(n))
}

// spawnChain lets each start the next one and end; the last one says so.
func spawnChain(n int) outcome {
	done := make(chan uint64, 1)
	start := time.Now()
	go link(uint64(n), 0, done)
	sum := <-done
	return timed(time.Since(start), n, sum, triangle(n))
}

func link(left, sum uint64, done chan<- uint64) {
	left--
	if left == 0 {
		done <- sum
	} else {
		go link(left, sum+left, done)
	}
}

// spawnJoin waits for results on a channel, Go's way to join.
func spawnJoin(n int) outcome {
	start := time.Now()
	var sum uint64
	for i := range n {
		result := make(chan uint64, 1)
		go func() { result <- uint64(i) }()
		sum += <-result
	}
	return timed(time.Since(start), n, sum, triangle(n))
}

func yields(n, goroutines int) outcome {
	each := n / goroutines
	start := time.Now()
	counts := make(chan int, goroutines)
	for range goroutines {
		go func() {
			count := 0
			for range each {
				runtime.Gosched()
				count++
			}
			counts <- count
		}()
	}
	sum := 0
	for range goroutines {
		sum += <-counts
	}
	ops := each * goroutines
	return timed(time.Since(start), ops, uint64(sum), uint64(ops))
}

func skynet(n int) outcome {
	start := time.Now()
	result := make(chan uint64)
	go skynetNode(result, 0, n)
	sum := <-result
	return timed(time.Since(start), n, sum, triangle(n))
}

func skynetNode(up chan<- uint64, first, leaves int) {
	if leaves == 1 {
		up <- uint64(first)
		return
	}
	results := make(chan uint64)
	for i := range 10 {
		go skynetNode(results, first+i*(leaves/10), leaves/10)
	}
	var sum uint64
	for range 10 {
		sum += <-results
	}
	up <- sum
}

func fib(n int) outcome {
	start := time.Now()
	result := forkFib(n)
	return timed(time.Since(start), int(forks(n)), result, fibonacci(n))
}

func forkFib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	fork := make(chan uint64, 1)
	go func() { fork <- forkFib(n - 1) }()
	other := forkFib(n - 2)
	return <-fork + other
}

func parked(n int) outcome {
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(n)
	before := memoryNow()
	start := time.Now()
	for i := range n {
		go func() {
			total.Add(1)
			<-release
			total.Add(uint64(i))
			wg.Done()
		}()
	}
	for total.Load() < uint64(n) {
		time.Sleep(time.Millisecond)
	}
	started := time.Since(start)
	time.Sleep(100 * time.Millisecond)
	after := memoryNow()
	close(release)
	wg.Wait()
	return grown(before, after, started, n, total.Load(), uint64(n)+triangle(n))
}

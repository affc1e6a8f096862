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

func parked(n int) outcome {
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(n)
	before := memoryNow()
	for i := range n {
		go func() {
			total.Add(1)
			<-release
			total.Add(uint64(i))
			wg.Done()
		}()
	}
	for total.Load() < uint64(n) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	after := memoryNow()
	close(release)
	wg.Wait()
	return grown(before, after, n, total.Load(), uint64(n)+triangle(n))
}

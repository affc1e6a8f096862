package main

import (
	"sync"
	"time"
)

func mutex(n, goroutines int) outcome {
	each := n / goroutines
	var mu sync.Mutex
	var wg sync.WaitGroup
	var count uint64
	start := time.Now()
	for range goroutines {
		wg.Go(func() {
			for range each {
				mu.Lock()
				count++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	ops := each * goroutines
	return timed(time.Since(start), ops, count, uint64(ops))
}

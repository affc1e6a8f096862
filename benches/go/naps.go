package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lateness holds how late each nap ended, in microseconds.
type lateness []uint32

// nap sleeps and notes how late it woke.
func (l lateness) nap(slot int, length time.Duration) {
	start := time.Now()
	time.Sleep(length)
	late := time.Since(start) - length
	if late < 0 {
		panic("a sleeper woke too early")
	}
	l[slot] = 1 + uint32(late.Microseconds())
}

func (l lateness) figures() outcome {
	sorted := slices.Sorted(slices.Values(l))
	if sorted[0] == 0 {
		panic("a sleeper did not wake")
	}
	var sum float64
	for _, us := range sorted {
		sum += float64(us - 1)
	}
	rank := int(math.Ceil(float64(len(sorted)) * 0.99))
	return outcome{
		"late_mean_us": sum / float64(len(sorted)),
		"late_p99_us":  float64(sorted[rank-1] - 1),
		"late_max_us":  float64(sorted[len(sorted)-1] - 1),
	}
}

// cpuUsed is the user and system time of this process.
func cpuUsed() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func sleepers(n int) outcome {
	late := make(lateness, n*naps)
	var wg sync.WaitGroup
	wg.Add(n)
	before := cpuUsed()
	for i := range n {
		go func() {
			for k := range naps {
				late.nap(i*naps+k, time.Duration(napMs(uint64(i), uint64(k)))*time.Millisecond)
				total.Add(uint64(i))
			}
			wg.Done()
		}()
	}
	wg.Wait()
	used := cpuUsed() - before
	cpu := used.Seconds() * 1e6 / float64(n*naps)
	return outcome{"cpu_us": cpu, "check": check(total.Load(), triangle(n)*naps)}.with(late.figures())
}

// lone is one alone, while nothing else happens.
func lone(n int) outcome {
	late := make(lateness, n)
	naps := 0
	for slot := range n {
		late.nap(slot, time.Millisecond)
		naps++
	}
	return outcome{"check": check(uint64(naps), uint64(n))}.with(late.figures())
}

func hogs(n int) outcome {
	procs := runtime.GOMAXPROCS(0)
	var stop atomic.Bool
	bursts := make(chan int, 2*procs)
	start := time.Now()
	for range 2 * procs {
		go func() {
			right := 0
			for !stop.Load() {
				if sum := burst(); sum != burstSum {
					panic(fmt.Sprintf("burst yields %x", sum))
				}
				right++
			}
			bursts <- right
		}()
	}
	late := make(lateness, n)
	for slot := range n {
		late.nap(slot, time.Millisecond)
	}
	stop.Store(true)
	all, worked := 0, 0
	for range 2 * procs {
		right := <-bursts
		all += right
		if right > 0 {
			worked++
		}
	}
	burstMs := time.Since(start).Seconds() * 1e3 * float64(procs) / float64(all)
	return outcome{"burst_ms": burstMs, "check": check(uint64(worked), uint64(2*procs))}.with(late.figures())
}

func blocking(n int) outcome {
	var done atomic.Int64
	all := int64(n * calls)
	start := time.Now()
	for range n {
		go func() {
			for range calls {
				sleepInKernel(callMs * time.Millisecond)
				done.Add(1)
			}
		}()
	}
	late := make(lateness, 100_000)
	slot := 0
	for done.Load() < all && slot < len(late) {
		late.nap(slot, time.Millisecond)
		slot++
	}
	totalMs := time.Since(start).Seconds() * 1e3
	return outcome{"total_ms": totalMs, "check": check(uint64(done.Load()), uint64(all))}.with(late[:slot].figures())
}

// sleepInKernel is a system call that blocks its thread; time.Sleep is none.
func sleepInKernel(d time.Duration) {
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

// jobs waits for one job for several after the other, which come every millisecond.
func jobs(n int) outcome {
	took := make(lateness, n)
	var total uint64
	for slot := range n {
		time.Sleep(time.Millisecond)
		start := time.Now()
		var results [pieces]uint64
		var wg sync.WaitGroup
		wg.Add(pieces)
		for i := range results {
			go func() {
				results[i] = piece()
				wg.Done()
			}()
		}
		wg.Wait()
		for _, result := range results {
			total += result
		}
		took[slot] = 1 + uint32(time.Since(start).Microseconds())
	}
	var want uint64 = pieceSum
	return outcome{"check": check(total, want*uint64(n*pieces))}.with(took.figures())
}

package main

import "slices"

// The twin of src/work.rs: what the workloads are made of and what must come
// out of them.

// triangle is 0 + 1 + … + (n-1).
func triangle(n int) uint64 { return uint64(n) * uint64(n-1) / 2 }

// fibonacci is the n-th Fibonacci number, without any fork.
func fibonacci(n int) uint64 {
	var a, b uint64 = 0, 1
	for range n {
		a, b = b, a+b
	}
	return a
}

// forks is how often fib(n) forks.
func forks(n int) uint64 { return fibonacci(n+1) - 1 }

// sieveOf returns the limit, the sum and the messages of the prime sieve that
// finds n primes.
func sieveOf(n int) (limit, sum, messages uint64) {
	var primes []uint64
	limit = 1
	for len(primes) < n {
		limit++
		filter := slices.IndexFunc(primes, func(prime uint64) bool { return limit%prime == 0 })
		if filter >= 0 {
			messages += uint64(filter) + 1
			continue
		}
		messages += uint64(len(primes)) + 1
		primes = append(primes, limit)
		sum += limit
	}
	return limit, sum, messages
}

const (
	ringSize = 503
	naps     = 5
	calls    = 4
	callMs   = 50
	burstSum = 0x3a22_29c9_92e1_faa8
	pieces   = 16
	pieceSum = 0x44cd_e7c5_0b16_5c3a
)

// napMs is the length of the k-th nap of the i-th sleeper in milliseconds.
func napMs(i, k uint64) uint64 {
	return 100 + (i*naps+k)*0x9E37_79B9_7F4A_7C15>>32*200>>32
}

var burstSeed uint64 = 0x9E37_79B9_7F4A_7C15

// burst computes for about 50 ms.
//
//go:noinline
func burst() uint64 { return scramble(30_000_000) }

// piece computes for about 10 µs.
//
//go:noinline
func piece() uint64 { return scramble(6_000) }

func scramble(times int) uint64 {
	x := burstSeed
	for range times {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

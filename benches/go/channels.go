package main

import "time"

func pingpong(n int) outcome {
	ping := make(chan uint64)
	pong := make(chan uint64)
	start := time.Now()
	go func() {
		for ball := range ping {
			pong <- ball + 1
		}
	}()
	var ball uint64
	for range n {
		ping <- ball
		ball = <-pong
	}
	return timed(time.Since(start), n, ball, uint64(n))
}

func prodcons(n, capacity int) outcome {
	c := make(chan uint64, capacity)
	start := time.Now()
	go func() {
		for i := range n {
			c <- uint64(i)
		}
		close(c)
	}()
	var sum uint64
	for i := range c {
		sum += i
	}
	return timed(time.Since(start), n, sum, triangle(n))
}

func mpmc(n int) outcome {
	c := make(chan uint64, 100)
	sums := make(chan uint64, 4)
	sent := make(chan struct{}, 4)
	start := time.Now()
	for range 4 {
		go func() {
			var sum uint64
			for i := range c {
				sum += i
			}
			sums <- sum
		}()
	}
	for first := range 4 {
		go func() {
			for i := first; i < n; i += 4 {
				c <- uint64(i)
			}
			sent <- struct{}{}
		}()
	}
	for range 4 {
		<-sent
	}
	close(c)
	var sum uint64
	for range 4 {
		sum += <-sums
	}
	return timed(time.Since(start), n, sum, triangle(n))
}

func ring(n int) outcome {
	start := time.Now()
	first := make(chan uint64)
	last := first
	for range ringSize - 1 {
		in, out := last, make(chan uint64)
		go func() {
			for token := range in {
				out <- token + 1
			}
		}()
		last = out
	}
	rounds := n / ringSize
	var token uint64
	for range rounds {
		first <- token
		token = <-last + 1
	}
	hops := rounds * ringSize
	return timed(time.Since(start), hops, token, uint64(hops))
}

func sieve(n int) outcome {
	limit, want, messages := sieveOf(n)
	start := time.Now()
	candidates := make(chan uint64)
	go func() {
		for candidate := uint64(2); candidate <= limit; candidate++ {
			candidates <- candidate
		}
		close(candidates)
	}()
	c := candidates
	var sum uint64
	for {
		prime, ok := <-c
		if !ok {
			break
		}
		sum += prime
		out := make(chan uint64)
		go filter(prime, c, out)
		c = out
	}
	return timed(time.Since(start), int(messages), sum, want)
}

func filter(prime uint64, in <-chan uint64, out chan<- uint64) {
	for candidate := range in {
		if candidate%prime != 0 {
			out <- candidate
		}
	}
	close(out)
}

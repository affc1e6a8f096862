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

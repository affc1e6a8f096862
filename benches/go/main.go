// The workloads in Go: the twin of src/bin/peer_gort.
//
// Called as `peer_go WORKLOAD N`, it prints one line of JSON
// (see src/outcome.rs).
package main

import (
	"fmt"
	"os"
	"strconv"
)

var workloads = map[string]func(n int) outcome{
	"spawn":       spawn,
	"spawn_chain": spawnChain,
	"spawn_join":  spawnJoin,
	"yield1":      func(n int) outcome { return yields(n, 1) },
	"yield1000":   func(n int) outcome { return yields(n, 1000) },
	"skynet":      skynet,
	"fib":         fib,
	"parked":      parked,
	"pingpong":    pingpong,
	"prodcons0":   func(n int) outcome { return prodcons(n, 0) },
	"prodcons1":   func(n int) outcome { return prodcons(n, 1) },
	"prodcons100": func(n int) outcome { return prodcons(n, 100) },
	"mpmc":        mpmc,
	"ring":        ring,
	"sieve":       sieve,
	"select2":     select2,
	"select8":     select8,
	"select_nb":   selectNonBlocking,
	"mutex8":      func(n int) outcome { return mutex(n, 8) },
	"mutex1":      func(n int) outcome { return mutex(n, 1) },
	"sleepers":    sleepers,
	"lone":        lone,
	"hogs":        hogs,
	"blocking":    blocking,
	"jobs":        jobs,
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peer_go WORKLOAD N")
		os.Exit(2)
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	run, ok := workloads[os.Args[1]]
	if !ok {
		fmt.Println(`{"unsupported":"no such workload"}`)
		return
	}
	if !run(n).print(os.Args[1], n) {
		os.Exit(1)
	}
}

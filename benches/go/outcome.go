package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"
)

// An outcome holds metrics by name, and "check": "ok" or what was wrong.
type outcome map[string]any

func timed(elapsed time.Duration, ops int, got, want uint64) outcome {
	return outcome{
		"ns_per_op": float64(elapsed.Nanoseconds()) / float64(ops),
		"check":     check(got, want),
	}
}

func grown(before, after memory, start time.Duration, ops int, got, want uint64) outcome {
	return outcome{
		"bytes_per_op":     float64(after.resident-before.resident) / float64(ops),
		"pte_bytes_per_op": float64(after.pageTables-before.pageTables) / float64(ops),
		"start_ms":         float64(start) / float64(time.Millisecond),
		"check":            check(got, want),
	}
}

// with adds figures to an outcome.
func (o outcome) with(figures outcome) outcome {
	maps.Copy(o, figures)
	return o
}

func check(got, want uint64) string {
	if got == want {
		return "ok"
	}
	return fmt.Sprintf("result is %d, not %d", got, want)
}

// print writes the line of JSON and reports whether the result was right.
func (o outcome) print(workload string, n int) bool {
	o["workload"] = workload
	o["n"] = n
	line, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	return o["check"] == "ok"
}

// memory is what /proc/self/status says, in bytes.
type memory struct{ resident, pageTables int }

func memoryNow() (m memory) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &m.resident)
		fmt.Sscanf(line, "VmPTE: %d kB", &m.pageTables)
	}
	m.resident *= 1024
	m.pageTables *= 1024
	return m
}

// The servers in Go: the twin of src/bin/serve_gort.rs.
//
// Called as `serve_go echo` or `serve_go http`, it prints its address and
// serves until it is killed.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		// Ends with the load generator.
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	switch os.Args[1] {
	case "echo":
		echo(listener)
	case "http":
		panic(http.Serve(listener, http.HandlerFunc(hello)))
	}
}

func echo(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 1024)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, World!")
}

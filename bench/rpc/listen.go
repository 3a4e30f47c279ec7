package main

import (
	"context"
	"net"
	"os"
	"syscall"
)

// congestionVariable names the environment variable that sets the servers' TCP congestion
// control.
const congestionVariable = "TORRENTCACHE_BENCH_CONGESTION"

// listen listens at addr with the congestion control of congestionVariable.
func listen(addr string) (net.Listener, error) {
	var config net.ListenConfig
	if name := os.Getenv(congestionVariable); name != "" {
		config.Control = func(_, _ string, c syscall.RawConn) (failed error) {
			const congestion = 13 // TCP_CONGESTION of linux/tcp.h; accepted connections inherit it
			err := c.Control(func(fd uintptr) {
				failed = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, congestion, name)
			})
			if err != nil {
				return err
			}
			return failed
		}
	}
	return config.Listen(context.Background(), "tcp", addr)
}

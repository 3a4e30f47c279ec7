package side

import (
	"fmt"
	"net"
	"time"
)

// FreeAddress returns a loopback address, HOST:PORT, on which no process listened a moment ago.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Await waits until a process listens on address, for half a minute at most.
func Await(address string) error {
	for range 1500 {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s", address)
}

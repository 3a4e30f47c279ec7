package side

import (
	"fmt"
	"net"
	"time"
)

// FreeAddress returns an address of this machine on which nobody listened a moment ago,
// as HOST:PORT.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Await waits until somebody listens on address, half a minute at most.
func Await(address string) error {
	for range 1500 {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s", address)
}

package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// address checks the form of a listen address.
func address(flag, value string) error {
	if value == Off {
		return nil
	}
	_, port, err := net.SplitHostPort(value)
	if n, numErr := strconv.Atoi(port); err != nil || numErr != nil || n < 0 || n > 65535 {
		return fmt.Errorf("--%s %q: want host:port or :port with a port from 0 to 65535, or off", flag, value)
	}
	return nil
}

// IsHostPort reports whether text is the HOST:PORT of another process: it has both, and is no URL.
func IsHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && host != "" && port != "" && !strings.Contains(text, "/")
}

// listener is an address to listen on, and the flag that sets it.
type listener struct{ flag, address string }

// listeners returns the listeners that serve and gateway share.
func (d *Doors) listeners() []listener {
	return []listener{{"http-addr", d.HTTPAddr}, {"https-addr", d.HTTPSAddr}, {"admin-addr", d.AdminAddr}}
}

// clash reports the first two listeners that take the same port of the same address. A clash
// with another program is found when the program listens.
func clash(all ...listener) error {
	for i, a := range all {
		for _, b := range all[:i] {
			if sameAddress(a.address, b.address) {
				return fmt.Errorf("--%s %s and --%s %s take the same port: give each its own", b.flag, b.address, a.flag, a.address)
			}
		}
	}
	return nil
}

func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" { // 0 is any free port
		return false
	}
	hostA, hostB = plainHost(hostA), plainHost(hostB)
	return hostA == hostB || hostA == anyHost || hostB == anyHost
}

// anyHost stands for all addresses of the machine.
const anyHost = ""

func plainHost(host string) string {
	switch host = strings.ToLower(host); host {
	case "0.0.0.0", "::":
		return anyHost
	case "localhost":
		return "127.0.0.1"
	}
	return host
}

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// windowsAddrInUse is WSAEADDRINUSE, which package syscall does not name; Unix
// has no such number.
const windowsAddrInUse = syscall.Errno(10048)

// Listen listens on a TCP address. The error says which setting it is about and
// what to do.
func Listen(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, windowsAddrInUse):
		return nil, fmt.Errorf("--%s %s: another program uses the port: stop it, or choose another port", setting, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--%s %s: not allowed: ports below 1024 need a privilege, choose a higher one", setting, address)
	default:
		return nil, fmt.Errorf("--%s %s: cannot listen: %w", setting, address, cause(err))
	}
}

// cause returns the last error of err's chain, which has none of net's own
// repetition of the address.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

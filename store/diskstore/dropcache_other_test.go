//go:build !linux

package diskstore

import "testing"

// dropCache does nothing where the kernel cannot be asked.
func dropCache(*testing.T, string) {}

//go:build !unix

package diskstore

import "os"

// isShared reports whether a file may have more than one name: nobody can tell here.
func isShared(os.FileInfo) bool { return true }

//go:build !(linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x))

package diskstore

// readNow reads nothing: the caller then reads in the ordinary way.
func readNow(int, []byte, int64) int { return 0 }

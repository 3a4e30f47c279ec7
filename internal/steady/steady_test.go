package steady

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// held keeps the ballasts of all runs: memory that is used again is cleared, and
// takes memory then.
var held []Ballast

func TestLimitIsThatOfTheProcessWithoutItsBallast(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for limit, want := range map[int64]int{16 << 20: 1 << 20, 1 << 30: 64 << 20, math.MaxInt64 / 2: 64 << 20} {
		before := residentPages(t)
		ballast := Limit(limit)
		held = append(held, ballast)
		if len(ballast) != want || debug.SetMemoryLimit(-1) != limit+int64(want) {
			t.Errorf("limit %d: ballast of %d, runtime's limit %d", limit, len(ballast), debug.SetMemoryLimit(-1))
		}
		if grown := (residentPages(t) - before) * os.Getpagesize(); grown > len(ballast)/2 && grown > maxBallast/8 {
			t.Errorf("limit %d: %d bytes more are resident", limit, grown)
		}
	}
}

// residentPages reads the second number of /proc/self/statm, proc(5). Only Linux
// tells the memory of a process; elsewhere it is always 0.
func residentPages(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

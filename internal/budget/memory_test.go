package budget

import (
	"errors"
	"math"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The least limit holds, and a limit that cannot be found out counts as none.
func TestAvailableMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	unknown := func() (uint64, error) { return 0, errors.New("unknown") }
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	tests := []struct {
		name            string
		goLimit         int64
		cgroup, machine memlimit.Provider
		want            int64
	}{
		{"a container on a larger machine", math.MaxInt64, memlimit.Limit(1 << 30), memlimit.Limit(8 << 30), 1 << 30},
		{"a container that may take more than there is", math.MaxInt64, memlimit.Limit(64 << 30), memlimit.Limit(8 << 30), 8 << 30},
		{"no container", math.MaxInt64, none, memlimit.Limit(8 << 30), 8 << 30},
		{"GOMEMLIMIT in a container", 512 << 20, memlimit.Limit(1 << 30), memlimit.Limit(8 << 30), 512 << 20},
		{"GOMEMLIMIT above the container", 4 << 30, memlimit.Limit(1 << 30), memlimit.Limit(8 << 30), 1 << 30},
		{"GOMEMLIMIT alone", 512 << 20, unknown, unknown, 512 << 20},
		{"a cgroup of any size", math.MaxInt64, memlimit.Limit(math.MaxUint64), unknown, unknownMemory},
		{"nothing is known", math.MaxInt64, unknown, unknown, unknownMemory},
		{"a limit of nothing is none", math.MaxInt64, memlimit.Limit(0), memlimit.Limit(8 << 30), 8 << 30},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			debug.SetMemoryLimit(test.goLimit)
			if got := availableMemory(test.cgroup, test.machine); got != test.want {
				t.Errorf("got %d bytes, want %d", got, test.want)
			}
		})
	}
}

// The providers that Divide uses know what this machine has.
func TestAvailableMemoryOfThisMachine(t *testing.T) {
	machine, err := memlimit.FromSystem()
	if err != nil {
		t.Fatal(err)
	}
	if got := availableMemory(memlimit.FromCgroup, memlimit.FromSystem); got < 16<<20 || got > int64(machine) {
		t.Errorf("got %d bytes of the machine's %d", got, machine)
	}
}

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. As text it is a whole number and a unit: kB, MB,
// GB, TB are powers of ten, KiB, MiB, GiB, TiB powers of two, B or nothing is
// bytes; case does not matter. It implements pflag.Value.
type Size int64

// units are in the order in which String tries them.
var units = []struct {
	name  string
	bytes int64
}{
	{"TB", 1e12}, {"TiB", 1 << 40},
	{"GB", 1e9}, {"GiB", 1 << 30},
	{"MB", 1e6}, {"MiB", 1 << 20},
	{"kB", 1e3}, {"KiB", 1 << 10},
	{"B", 1},
}

// Set reads a size.
func (s *Size) Set(text string) error {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	unit, ok := unitBytes(text[len(digits):])
	if err != nil || !ok || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("want a size such as 500kB, 10MB or 16MiB")
	}
	*s = Size(n * unit)
	return nil
}

func unitBytes(name string) (int64, bool) {
	if name == "" {
		return 1, true
	}
	for _, u := range units {
		if strings.EqualFold(u.name, name) {
			return u.bytes, true
		}
	}
	return 0, false
}

// String returns the shortest form that Set reads back as the same size.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0"
}

// Type names the kind of value in the help.
func (*Size) Type() string { return "size" }

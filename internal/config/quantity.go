package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
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

// day is a unit that [time.ParseDuration] does not have. It has 24 hours, as a day on which no
// clock changes.
const day = 24 * time.Hour

// duration is the value of a flag: text for [time.ParseDuration] with days before it: 7d, 1d12h.
type duration time.Duration

// DurationVar adds a flag for *p whose text may have days in it.
func DurationVar(flags *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	flags.Var((*duration)(p), name, usage)
}

// errDuration describes the form of a duration.
var errDuration = errors.New("want a duration such as 500ms, 30s, 10m, 24h or 7d")

// Set reads a duration.
func (d *duration) Set(text string) error {
	var days time.Duration
	number, rest, ok := strings.Cut(text, "d")
	if ok {
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return errDuration
		}
		days = time.Duration(n) * day
	} else {
		rest = text
	}
	if ok && rest == "" {
		*d = duration(days)
		return nil
	}
	parsed, err := time.ParseDuration(rest)
	if err != nil || ok && (parsed < 0 || parsed > math.MaxInt64-days) {
		return errDuration
	}
	*d = duration(days + parsed)
	return nil
}

// String returns the shortest form that Set reads back as the same duration.
func (d *duration) String() string {
	switch t := time.Duration(*d); {
	case t == 0:
		return "0"
	case t > 0 && t%day == 0:
		return strconv.FormatInt(int64(t/day), 10) + "d"
	default:
		text := t.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return text
	}
}

// Type names the kind of value in the help.
func (*duration) Type() string { return "duration" }

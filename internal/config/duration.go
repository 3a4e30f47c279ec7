package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// day is the unit that [time.ParseDuration] does not have: of 24 hours, as operators count them
// where no clock changes.
const day = 24 * time.Hour

// duration is the value of a flag: as of [time.ParseDuration], with days before it: 7d, 1d12h.
type duration time.Duration

// DurationVar adds a flag for *p whose text may have days in it.
func DurationVar(flags *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	flags.Var((*duration)(p), name, usage)
}

// errDuration says what a duration looks like.
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

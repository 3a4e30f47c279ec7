package bucket

import (
	"context"
	"errors"
	"testing"
	"time"
)

// An Alloc that refuses costs nothing of the budget of repetitions; a request that fails does.
func TestAllocThatRefusesCostsNoBudget(t *testing.T) {
	outcome := ""
	b := &Bucket{timeout: time.Minute, observe: func(_, o string, _ time.Duration) { outcome = o }}
	for _, test := range []struct {
		err     error
		outcome string
		spent   float64
	}{{&AllocError{errors.New("no memory")}, "canceled", 0}, {errors.New("reset"), "failed", 1}} {
		err := b.request(t.Context(), "get", "t/ABC", 0, func(context.Context) error { return test.err })
		if !errors.Is(err, test.err) || outcome != test.outcome || b.budget.spent != test.spent {
			t.Errorf("%v: %v, outcome %s, %v of the budget", test.err, err, outcome, b.budget.spent)
		}
	}
}

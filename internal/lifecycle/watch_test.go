package lifecycle

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchTellsWhatHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		broken, other := errors.New("broken"), errors.New("broken otherwise")
		states := []error{nil, broken, other, nil, nil}
		var told []error
		Watch(ctx, func() error {
			state := states[0]
			states = states[1:]
			return state
		}, func(err error) { told = append(told, err) })
		if want := []error{broken, nil}; !slices.Equal(told, want) || len(states) != 0 {
			t.Errorf("told %v, want %v; not asked for %v", told, want, states)
		}
	})
}

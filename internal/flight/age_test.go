package flight

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Callers that come more than MaxAge after a load began do not wait for it, and its result is not
// kept. The result of the next load is kept, which may end before it or after it.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, older := range []time.Duration{5 * time.Second, 30 * time.Second} {
			g := Group[string, int]{MaxAge: 10 * time.Second}
			kept := []int{}
			keep := func(v int, _ error) { kept = append(kept, v) }
			ask := func(value int, takes time.Duration) <-chan int {
				got := make(chan int, 1)
				go func() {
					v, _ := g.Do(context.Background(), "key", func() (int, error) {
						time.Sleep(takes)
						return value, nil
					}, keep)
					got <- v
				}()
				return got
			}
			first := ask(1, 10*time.Second+older)
			time.Sleep(9 * time.Second)
			young := ask(2, 0)
			time.Sleep(time.Second)
			next := ask(3, 20*time.Second)
			time.Sleep(time.Second)
			last := ask(4, 0)
			for i, got := range []int{<-first, <-young, <-next, <-last} {
				if want := []int{1, 1, 3, 3}[i]; got != want {
					t.Errorf("caller %d got %d, want %d", i+1, got, want)
				}
			}
			if len(kept) != 1 || kept[0] != 3 {
				t.Errorf("kept %v, want what the later load said", kept)
			}
		}
	})
}

package flight

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kept holds the arguments with which keep was called.
type kept struct {
	mu     sync.Mutex
	values []int
	errs   []error
}

func (k *kept) keep(value int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values, k.errs = append(k.values, value), append(k.errs, err)
}

// slowly returns a load that takes a second, unless ctx ends, and counts how often it ran.
func slowly(ctx context.Context, runs *int, value int, err error) func() (int, error) {
	return func() (int, error) {
		*runs++
		select {
		case <-time.After(time.Second):
			return value, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func TestOneLoadForMany(t *testing.T) {
	errLoad := errors.New("no")
	for _, want := range []struct {
		value int
		err   error
	}{{7, nil}, {0, errLoad}} {
		synctest.Test(t, func(t *testing.T) {
			var g Group[string, int]
			var k kept
			var all sync.WaitGroup
			runs := 0
			for range 20 {
				all.Go(func() {
					got, err := g.Do(t.Context(), "a", slowly(t.Context(), &runs, want.value, want.err), k.keep)
					if got != want.value || !errors.Is(err, want.err) {
						t.Errorf("%d, %v", got, err)
					}
				})
			}
			all.Wait()
			if runs != 1 || len(k.values) != 1 || k.values[0] != want.value || !errors.Is(k.errs[0], want.err) || len(g.of) != 0 {
				t.Errorf("%d loads, kept are %v, %v; %d are under way", runs, k.values, k.errs, len(g.of))
			}
		})
	}
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int, int]
		var k kept
		var all sync.WaitGroup
		begin := time.Now()
		for key := range 5 {
			all.Go(func() {
				runs := 0
				if got, err := g.Do(t.Context(), key, slowly(t.Context(), &runs, key, nil), k.keep); got != key || err != nil {
					t.Errorf("%d, %v", got, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// lead begins a load of "a" with ctx and returns its error, once it is under way.
func lead(t *testing.T, ctx context.Context, g *Group[string, int], load func() (int, error), k *kept) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := g.Do(ctx, "a", load, k.keep)
		done <- err
	}()
	synctest.Wait()
	return done
}

func TestALeaderThatLeavesHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		runs := 0
		ctx, leave := context.WithCancel(t.Context())
		left := lead(t, ctx, &g, slowly(ctx, &runs, 1, nil), &k)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if got, err := g.Do(t.Context(), "a", slowly(t.Context(), &runs, 2, nil), k.keep); got != 2 || err != nil {
					t.Errorf("%d, %v", got, err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		if err := <-left; !errors.Is(err, context.Canceled) || runs != 2 || len(k.values) != 1 || k.values[0] != 2 {
			t.Errorf("it hears %v; %d loads, kept are %v", err, runs, k.values)
		}
	})
}

func TestAFollowerThatLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		runs := 0
		done := lead(t, t.Context(), &g, slowly(t.Context(), &runs, 1, nil), &k)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.Do(ctx, "a", nil, k.keep); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := <-done; err != nil || len(k.values) != 1 {
			t.Errorf("the load goes on: %v, kept are %v", err, k.values)
		}
	})
}

func TestOwnErrorsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		runs := 0
		errMine := errors.New("mine")
		done := lead(t, t.Context(), &g, slowly(t.Context(), &runs, 0, Own{errMine}), &k)
		got, err := g.Do(t.Context(), "a", slowly(t.Context(), &runs, 3, nil), k.keep)
		if mine := <-done; got != 3 || err != nil || !errors.Is(mine, errMine) || mine.Error() != "mine" {
			t.Errorf("%d, %v; its caller hears %v", got, err, mine)
		}
		if runs != 2 || len(k.values) != 0 {
			t.Errorf("%d loads, kept are %v", runs, k.values)
		}
	})
}

// The callers that waited for a refused caller are refused at the same time, and not in turn.
func TestRefusalsDoNotAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		var wg sync.WaitGroup
		begin := time.Now()
		for range 20 {
			wg.Go(func() {
				_, _ = g.Do(t.Context(), "a", func() (int, error) {
					time.Sleep(time.Second)
					return 0, Own{errors.New("refused")}
				}, k.keep)
			})
		}
		wg.Wait()
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("the last one was refused after %s", took)
		}
	})
}

func TestForgetDetaches(t *testing.T) {
	for name, forget := range map[string]func(*Group[string, int], func()){
		"of the key": func(g *Group[string, int], drop func()) { g.Forget([]string{"b", "a"}, drop) },
		"of all":     func(g *Group[string, int], drop func()) { g.ForgetAll(drop) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Group[string, int]
				var k kept
				runs, dropped := 0, 0
				before := lead(t, t.Context(), &g, slowly(t.Context(), &runs, 1, nil), &k)
				forget(&g, func() { dropped++ })
				time.Sleep(time.Second / 2)
				got, err := g.Do(t.Context(), "a", slowly(t.Context(), &runs, 2, nil), k.keep)
				if old := <-before; got != 2 || err != nil || old != nil {
					t.Errorf("%d, %v; the load from before: %v", got, err, old)
				}
				if runs != 2 || dropped != 1 || len(k.values) != 1 || k.values[0] != 2 || len(g.of) != 0 {
					t.Errorf("%d loads, %d drops, kept are %v", runs, dropped, k.values)
				}
			})
		})
	}
}

// Only its own caller hears of a load that panics: the others that wait load themselves.
func TestAPanicDoesNotHangThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		go func() {
			defer func() {
				if recover() != "broken" {
					t.Error("its caller does not hear of it")
				}
			}()
			_, _ = g.Do(t.Context(), "a", func() (int, error) {
				time.Sleep(time.Second)
				panic("broken")
			}, k.keep)
		}()
		synctest.Wait()
		runs := 0
		got, err := g.Do(t.Context(), "a", slowly(t.Context(), &runs, 4, nil), k.keep)
		if got != 4 || err != nil || len(k.values) != 1 || len(g.of) != 0 {
			t.Errorf("%d, %v, kept are %v", got, err, k.values)
		}
	})
}

func TestTryDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var k kept
		runs := 0
		done := lead(t, t.Context(), &g, slowly(t.Context(), &runs, 1, nil), &k)
		begin := time.Now()
		if _, _, ok := g.Try(t.Context(), "a", nil, k.keep); ok || time.Since(begin) > 0 {
			t.Errorf("%v after %s", ok, time.Since(begin))
		}
		<-done
		if got, err, ok := g.Try(t.Context(), "a", slowly(t.Context(), &runs, 5, nil), k.keep); got != 5 || err != nil || !ok {
			t.Errorf("%d, %v, %v", got, err, ok)
		}
		if runs != 2 || len(k.values) != 2 {
			t.Errorf("%d loads, kept are %v", runs, k.values)
		}
	})
}

//go:build e2e

package histories

import (
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestModelRefuses proves that the model detects errors: each of the illegal histories breaks one
// promise.
func TestModelRefuses(t *testing.T) {
	type event struct {
		c        call
		a        answer
		from, to int64
	}
	first := event{call{kind: put, variant: 1, rank: 1}, answer{effect: created}, 0, 1}
	gone := event{call{kind: remove}, answer{effect: done, held: true}, 2, 3}
	named := []event{
		{call{kind: remove}, answer{effect: done}, 0, 1},
		{call{kind: restore}, answer{effect: done}, 2, 3},
		{call{kind: put, variant: 1, rank: 1}, answer{effect: refused}, 4, 8},
		{call{kind: remove, id: 1}, answer{effect: done}, 5, 7},
	}
	and := func(events []event, more ...event) []event { return append(slices.Clone(events), more...) }
	for name, test := range map[string]struct {
		legal  bool
		events []event
		bucket bool // legal over a bucket alone
	}{
		"removed with what an unfinished upload names": {false, and(named, event{call{kind: get}, answer{effect: refused}, 9, 10}), true},
		"restored with it": {false, and(named, event{call{kind: restore}, answer{effect: done}, 9, 10},
			event{call{kind: restore, id: 1}, answer{effect: absent}, 11, 12}), true},
		"not removed at all":    {false, and(named, event{call{kind: get, id: 1}, answer{effect: absent}, 9, 10}), false},
		"upload lost":           {false, []event{first, {call{kind: get}, answer{effect: absent}, 2, 3}}, false},
		"upload found":          {true, []event{first, {call{kind: get}, answer{effect: found, variant: 1}, 2, 3}}, false},
		"read beside an upload": {true, []event{first, {call{kind: get}, answer{effect: absent}, 0, 3}}, false},
		"removal lost":          {false, []event{first, gone, {call{kind: get}, answer{effect: found, variant: 1}, 4, 5}}, false},
		"removal by the other":  {true, []event{first, gone, {call{kind: get, id: 1}, answer{effect: refused}, 4, 5}}, false},
		"removal counts twice":  {false, []event{first, gone, {call{kind: remove}, answer{effect: done, held: true}, 4, 5}}, false},
		"upload past a removal": {false, []event{first, gone, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 4, 5}}, false},
		"bytes come back": {true, []event{first, gone, {call{kind: restore, id: 1}, answer{effect: done, held: true}, 4, 5},
			{call{kind: get}, answer{effect: found, variant: 1}, 6, 7}}, false},
		"both first":           {false, []event{first, {call{kind: put, variant: 2, rank: 1}, answer{effect: created}, 0, 1}}, false},
		"stranger replaces":    {false, []event{first, {call{kind: put, variant: 2, rank: 1}, answer{effect: replaced}, 2, 3}}, false},
		"key replaces":         {true, []event{first, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 2, 3}}, false},
		"same bytes raise":     {false, []event{first, {call{kind: put, variant: 1, rank: 2}, answer{effect: known}, 2, 3}, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 4, 5}}, false},
		"unanswered, later":    {true, []event{{call{kind: put, variant: 1, rank: 1}, answer{}, 0, 100}, {call{kind: get}, answer{effect: absent}, 1, 2}, {call{kind: get}, answer{effect: found, variant: 1}, 3, 4}}, false},
		"unanswered, vanished": {false, []event{{call{kind: put, variant: 1, rank: 1}, answer{}, 0, 100}, {call{kind: get}, answer{effect: found, variant: 1}, 1, 2}, {call{kind: get}, answer{effect: absent}, 3, 4}}, false},
		"missing but held":     {false, []event{first, {call{kind: missing}, answer{effect: absent}, 2, 3}}, false},
		"removed in advance":   {true, []event{{call{kind: remove}, answer{effect: done}, 0, 1}, {call{kind: get, id: 1}, answer{effect: absent}, 2, 3}, {call{kind: put, variant: 1, rank: 1}, answer{effect: refused}, 4, 5}}, false},
	} {
		var history []porcupine.Operation
		for i, e := range test.events {
			history = append(history, porcupine.Operation{ClientId: i, Input: e.c, Call: e.from, Output: e.a, Return: e.to})
		}
		for _, overBucket := range []bool{false, true} {
			want := test.legal || test.bucket && overBucket
			if got := porcupine.CheckOperations(model(2, overBucket), history); got != want {
				t.Errorf("%s, over a bucket %t: legal is %t", name, overBucket, got)
			}
		}
	}
}

//go:build e2e

package histories

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestModelRefuses proves that the model tells what is wrong: each of these histories breaks
// one promise.
func TestModelRefuses(t *testing.T) {
	type event struct {
		c        call
		a        answer
		from, to int64
	}
	first := event{call{kind: put, variant: 1, rank: 1}, answer{effect: created}, 0, 1}
	gone := event{call{kind: remove}, answer{effect: done, held: true}, 2, 3}
	for name, test := range map[string]struct {
		legal  bool
		events []event
	}{
		"upload lost":           {false, []event{first, {call{kind: get}, answer{effect: absent}, 2, 3}}},
		"upload found":          {true, []event{first, {call{kind: get}, answer{effect: found, variant: 1}, 2, 3}}},
		"read beside an upload": {true, []event{first, {call{kind: get}, answer{effect: absent}, 0, 3}}},
		"removal lost":          {false, []event{first, gone, {call{kind: get}, answer{effect: found, variant: 1}, 4, 5}}},
		"removal by the other":  {true, []event{first, gone, {call{kind: get, id: 1}, answer{effect: refused}, 4, 5}}},
		"removal counts twice":  {false, []event{first, gone, {call{kind: remove}, answer{effect: done, held: true}, 4, 5}}},
		"upload past a removal": {false, []event{first, gone, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 4, 5}}},
		"bytes come back": {true, []event{first, gone, {call{kind: restore, id: 1}, answer{effect: done, held: true}, 4, 5},
			{call{kind: get}, answer{effect: found, variant: 1}, 6, 7}}},
		"both first":           {false, []event{first, {call{kind: put, variant: 2, rank: 1}, answer{effect: created}, 0, 1}}},
		"stranger replaces":    {false, []event{first, {call{kind: put, variant: 2, rank: 1}, answer{effect: replaced}, 2, 3}}},
		"key replaces":         {true, []event{first, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 2, 3}}},
		"same bytes raise":     {false, []event{first, {call{kind: put, variant: 1, rank: 2}, answer{effect: known}, 2, 3}, {call{kind: put, variant: 2, rank: 2}, answer{effect: replaced}, 4, 5}}},
		"unanswered, later":    {true, []event{{call{kind: put, variant: 1, rank: 1}, answer{}, 0, 100}, {call{kind: get}, answer{effect: absent}, 1, 2}, {call{kind: get}, answer{effect: found, variant: 1}, 3, 4}}},
		"unanswered, vanished": {false, []event{{call{kind: put, variant: 1, rank: 1}, answer{}, 0, 100}, {call{kind: get}, answer{effect: found, variant: 1}, 1, 2}, {call{kind: get}, answer{effect: absent}, 3, 4}}},
		"missing but held":     {false, []event{first, {call{kind: missing}, answer{effect: absent}, 2, 3}}},
		"removed in advance":   {true, []event{{call{kind: remove}, answer{effect: done}, 0, 1}, {call{kind: get, id: 1}, answer{effect: absent}, 2, 3}, {call{kind: put, variant: 1, rank: 1}, answer{effect: refused}, 4, 5}}},
	} {
		var history []porcupine.Operation
		for i, e := range test.events {
			history = append(history, porcupine.Operation{ClientId: i, Input: e.c, Call: e.from, Output: e.a, Return: e.to})
		}
		if got := porcupine.CheckOperations(model(2), history); got != test.legal {
			t.Errorf("%s: legal is %t", name, got)
		}
	}
}

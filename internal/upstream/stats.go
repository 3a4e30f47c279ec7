package upstream

// Stats is what an upstream was asked since the start, and answered.
type Stats struct {
	Name                         string
	Asked, Found, Absent, Failed int64
	Away                         bool // it does not answer
}

// Stats returns those of each upstream, in order.
func (u *Upstreams) Stats() []Stats {
	if u == nil {
		return nil
	}
	var all []Stats
	for _, up := range u.all {
		n := func(i int) int64 { return up.counts[i].Load() }
		all = append(all, Stats{
			Name: up.name, Asked: n(countAsked), Found: n(countFound), Absent: n(countAbsent), Failed: n(countFailed),
			Away: up.fails.Load() >= failsBefore,
		})
	}
	return all
}

// Missed returns how many readers of torrents that were missing here were told what: Found that
// it is here now, Absent that nobody has it, and so on. All states are in it.
func (u *Upstreams) Missed() map[State]int64 {
	counts := map[State]int64{}
	for state, n := range u.missed {
		counts[state] = n.Load()
	}
	return counts
}

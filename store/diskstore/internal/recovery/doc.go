// Package recovery brings the index of a disk store up to its log, before anybody uses either:
// it reads what the index does not know yet of the segments, tells damage from a torn end, and
// builds an index anew that cannot be used.
//
// Damage is what was synced and is not there: a record behind it, or the mark, says that it
// was. What nothing proves to have been synced was never acknowledged; what of it is whole is
// written once more and kept, the rest is void. Nothing is ever appended behind a torn end.
//
// A read that failed ends recovery, since what it would have said, a removal perhaps, may be
// read the next time; only [Options].GiveUp passes it over.
package recovery

// Package index finds the records of a disk store: it is a Pebble database that says of every
// id where its record stands, and what else is known of it without reading the log. It knows
// how that is kept, and not why: what a record means, package commit says.
//
// Every table is a file of this package: entries by id, the feed by sequence, accounts by
// segment, days of access by primary id, values by name, drops by id, and the [State] of the
// log. They change together, by one [Batch], so that all of them always speak of the same
// moment.
//
// The index has no log of its own. What it loses in a crash is its newest batches, as a whole,
// and its state says from where on the segments have to be read again. So it may always be
// deleted, which [Remove] does, and is never ahead of the segments as long as what it is given
// was synced there before.
//
// When the disk takes no more writes the index goes on in memory, for the sake of reads, and
// [Index.WriteError] says so: changes must end. An index that is found damaged answers nothing
// any more, and leaves a note to be built anew.
package index

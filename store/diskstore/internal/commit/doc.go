// Package commit makes every change of a disk store. Whoever wants one hands it to the
// [Committer], which decides it, writes its records to the end of the log, syncs them, has the
// index know, and then answers: many at a time, as a [Group]. What a record means is said here,
// once, by the [ChangeSet], for recovery as well.
//
// Changes are functions of the group they are part of. They run one after the other, in the
// committer's goroutine, and read nothing but the index and what was decided before them. So
// nothing that a change sees is altered until it is made. What a caller is told is durable.
//
// A change must say beforehand how many bytes its records take at most. Where there is no room
// for puts those that free something may use the space that is kept for them.
package commit

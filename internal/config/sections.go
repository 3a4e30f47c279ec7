package config

import "github.com/spf13/pflag"

const sectionKey = "torrentcache_section" // of the help

// Section is a part of a command's help: flags that belong together.
type Section struct {
	Title string // empty for flags that were added without one
	Flags *pflag.FlagSet
}

// addSection adds the flags that add defines to flags, under a title.
func addSection(flags *pflag.FlagSet, title string, add func(*pflag.FlagSet)) {
	part := pflag.NewFlagSet(title, pflag.ContinueOnError)
	part.SortFlags = false
	add(part)
	part.VisitAll(func(f *pflag.Flag) { annotate(f, sectionKey, title) })
	flags.AddFlagSet(part)
}

// Sections returns the flags under their titles, both in the order in which they
// were added; those without a title come last.
func Sections(flags *pflag.FlagSet) []Section {
	var sections []Section
	untitled := newSection("")
	inOrderAdded(flags, func(f *pflag.Flag) {
		title := f.Annotations[sectionKey]
		if len(title) == 0 {
			untitled.Flags.AddFlag(f)
			return
		}
		for _, s := range sections {
			if s.Title == title[0] {
				s.Flags.AddFlag(f)
				return
			}
		}
		s := newSection(title[0])
		s.Flags.AddFlag(f)
		sections = append(sections, s)
	})
	if untitled.Flags.HasFlags() {
		sections = append(sections, untitled)
	}
	return sections
}

func newSection(title string) Section {
	s := Section{title, pflag.NewFlagSet(title, pflag.ContinueOnError)}
	s.Flags.SortFlags = false
	return s
}

func inOrderAdded(flags *pflag.FlagSet, visit func(*pflag.Flag)) {
	defer func(sorted bool) { flags.SortFlags = sorted }(flags.SortFlags)
	flags.SortFlags = false
	flags.VisitAll(visit)
}

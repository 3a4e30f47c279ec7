package manual

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// manPage returns the manual page of a command, in the macros of man(7).
func manPage(c *cobra.Command, date time.Time, version string) string {
	var p page
	p.line(`.TH "%s" "1" "%s" "torrentcache %s" "torrentcache"`,
		roff(strings.ToUpper(pageName(c))), date.Format(time.DateOnly), roff(version))
	p.line(".SH NAME")
	p.line(`%s \- %s`, roff(pageName(c)), roff(c.Short))
	p.line(".SH SYNOPSIS")
	if c.Runnable() {
		p.line(".B %s", roff(c.UseLine()))
	}
	if c.HasAvailableSubCommands() {
		if c.Runnable() {
			p.line(".br")
		}
		p.line(".B %s", roff(c.CommandPath()+" COMMAND"))
	}
	if c.Long != "" {
		p.line(".SH DESCRIPTION")
		p.prose(c.Long)
	}
	p.commands(c)
	p.options(c)
	p.seeAlso(c)
	return p.String()
}

// page is a manual page being written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// prose writes paragraphs of text. Lines that are indented stay as they are.
func (p *page) prose(text string) {
	shown, broken := false, false // in indented lines; after an empty line
	show := func(on bool) {
		if on == shown {
			return
		}
		shown = on
		if on {
			p.line(".PP\n.RS 2\n.nf")
			return
		}
		p.line(".fi\n.RE")
	}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, " \n")
		if line == "" {
			broken = true
			continue
		}
		indented := line[0] == ' ' || line[0] == '\t'
		switch {
		case indented && shown && broken:
			p.line(".sp")
		case !indented && (broken || shown):
			show(false)
			p.line(".PP")
		}
		show(indented)
		broken = false
		p.line("%s", roff(strings.TrimPrefix(line, "  ")))
	}
	show(false)
}

func (p *page) commands(c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	p.line(".SH COMMANDS")
	for _, below := range c.Commands() {
		if !below.Hidden {
			p.line(".TP\n.BR %s (1)\n%s", roff(pageName(below)), roff(below.Short))
		}
	}
}

func (p *page) options(c *cobra.Command) {
	if !c.HasAvailableFlags() {
		return
	}
	p.line(".SH OPTIONS")
	for _, section := range config.Sections(c.Flags()) {
		if section.Title != "" {
			p.line(".SS %s", roff(section.Title))
		}
		section.Flags.VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				p.option(f)
			}
		})
	}
	if !hasSettings(c) {
		return
	}
	p.line(".SH ENVIRONMENT")
	p.line("%s", roff("Each option can be set in the environment as well: --some-name by "+config.EnvName("some-name")+"."))
}

// noDefaults are the defaults that a page does not mention.
var noDefaults = []string{"", "false", "0", "[]"}

func (p *page) option(f *pflag.Flag) {
	argument, usage := pflag.UnquoteUsage(f)
	p.line(".TP")
	if argument == "" {
		p.line(`\fB%s\fR`, roff("--"+f.Name))
	} else {
		p.line(`\fB%s\fR \fI%s\fR`, roff("--"+f.Name), roff(argument))
	}
	p.line("%s", roff(usage))
	if !slices.Contains(noDefaults, f.DefValue) {
		p.line(".br\nDefault: %s", roff(f.DefValue))
	}
}

func (p *page) seeAlso(c *cobra.Command) {
	names := related(c)
	if len(names) == 0 {
		return
	}
	p.line(".SH SEE ALSO")
	for i, name := range names {
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		p.line(".BR %s (1)%s", roff(name), comma)
	}
}

// roff returns text in a form that the page shows unchanged: without escapes, without requests at
// the beginning of a line, and with hyphens that can be copied into a shell.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
)

// Write writes the files that packages have besides the program to dir: manual pages that bear
// date, completions, and files of settings. It makes them from root and the commands below it. The
// same commands and date make the same files.
func Write(root *cobra.Command, dir string, date time.Time) error {
	files := map[string][]byte{}
	for _, c := range documented(root) {
		page := manPage(c, date, buildinfo.Read().Version)
		files["man/"+pageName(c)+".1"] = []byte(page)
	}
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"torrentcache.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_torrentcache":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"torrentcache.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files["completions/"+name] = b.Bytes()
	}
	for name, f := range settingsFiles() {
		text, err := f.text()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files["etc/"+name] = []byte(text)
	}
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// documented returns root and the commands below it that users see.
func documented(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden {
			all = append(all, documented(c)...)
		}
	}
	return all
}

// settingsFile is a file of settings as packages have it.
type settingsFile struct {
	preface  string
	settings config.Settings
	set      map[string]string // the lines that are no comments
}

func (f settingsFile) text() (string, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.settings.AddFlags(flags)
	text, err := config.Commented(flags, f.set)
	return f.preface + text, err
}

const settingsPreface = `# Every setting of torrentcache %s, with its default after a #. See torrentcache-%s(1);
# "torrentcache config %s --config FILE" shows what is in force. A variable in the environment,
# TORRENTCACHE_HTTP_ADDR for http-addr, wins over the line here.
#
# After a change: systemctl reload %s (keys, certificates, limits), or restart (all).
#
`

const servePreface = `# ONE LINE OPENS IT. As installed only this machine can reach the server. To open it to the
# network write, in place of the line #http-addr below,
#
#   http-addr: :80        (or another port)
#
# and with it, as they apply:
#
#   public-url       the URL by which others reach it; the WSDL and the pages name it
#   contact          whom to ask, on every page
#   trusted-proxies  the addresses of a proxy before it, or all limits count for the proxy
#   https-addr: :443, acme: on    a certificate by ACME, for the host of public-url
#   grpc-addr: :9090              for push, gateways and programs of today
#   anonymous: read               if strangers shall not upload; see "torrentcache key --help"
#
# Keep admin-addr private. See /usr/share/doc/torrentcache/limits.md before strangers come.
`

const gatewayPreface = `# The gateway serves the HTTP doors alone, for servers on other machines. Name those in backend,
# then: systemctl enable --now torrentcache-gateway
`

// settingsFiles returns the files by their names.
func settingsFiles() map[string]settingsFile {
	preface := func(command, unit string) string {
		return fmt.Sprintf(settingsPreface, command, command, command, unit)
	}
	return map[string]settingsFile{
		"torrentcache.yaml": {
			preface:  preface("serve", "torrentcache") + servePreface,
			settings: new(config.Serve),
			set: map[string]string{
				"data-dir":  "/var/lib/torrentcache/store",
				"keys-file": "/etc/torrentcache/keys",
				// With a keys file the default is "read" alone.
				"anonymous": "read,write",
				"acme-dir":  "/var/lib/torrentcache/acme",
				// Without this, damage to torrents that nobody reads would stay unnoticed.
				"verify-every": "30d",
			},
		},
		"gateway.yaml": {
			preface:  preface("gateway", "torrentcache-gateway") + gatewayPreface,
			settings: new(config.Gateway),
			set:      map[string]string{"acme-dir": "/var/lib/torrentcache-gateway/acme"},
		},
	}
}

// pageName returns the name of a command's manual page, such as torrentcache-key-new.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// related returns the names of the pages that c's page points to: those of its parent and of its
// commands.
func related(c *cobra.Command) []string {
	var names []string
	if c.HasParent() {
		names = append(names, pageName(c.Parent()))
	}
	for _, below := range c.Commands() {
		if !below.Hidden {
			names = append(names, pageName(below))
		}
	}
	slices.Sort(names)
	return names
}

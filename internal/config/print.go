package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Annotations of flags.
const (
	sourceKey = "torrentcache_source" // where the value comes from
	secretKey = "torrentcache_secret" // the value is not to be shown
	fileKey   = "torrentcache_file"   // the value comes from the file of settings
	ownKey    = "torrentcache_own"    // the flag belongs to the command that shows the settings
)

// environmentSource begins the source of a setting that a variable sets; its name follows.
const environmentSource = "environment, "

func setSource(f *pflag.Flag, source string) { annotate(f, sourceKey, source) }

// MarkSecret says that the value of a flag is not to be shown.
func MarkSecret(f *pflag.Flag) { annotate(f, secretKey, "") }

// MarkOwn says that a flag is no setting, but belongs to the command that shows the settings.
func MarkOwn(f *pflag.Flag) { annotate(f, ownKey, "") }

func annotate(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[key] = []string{value}
}

// Source returns where the value of a flag comes from, after [Fill].
func Source(f *pflag.Flag) string {
	if source := f.Annotations[sourceKey]; len(source) > 0 {
		return source[0]
	}
	return "default"
}

// Setting is one setting in force.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`  // as in a file for --config; secrets are masked, those in addresses as by [Redact]
	Source string `json:"source"` // where the value comes from
}

// InForce returns the settings in force, after [Fill], in the order of their names.
func InForce(flags *pflag.FlagSet) []Setting {
	var all []Setting
	flags.VisitAll(func(f *pflag.Flag) {
		if _, own := f.Annotations[ownKey]; own || f.Name == "help" || f.Name == fileFlag {
			return
		}
		value := Redact(f.Value.String())
		if list, ok := f.Value.(interface{ Redacted() string }); ok {
			value = list.Redacted()
		}
		if _, secret := f.Annotations[secretKey]; secret && value != "" {
			value = masked
		}
		all = append(all, Setting{f.Name, value, Source(f)})
	})
	return all
}

// Format returns the settings in force as a file for --config, with a comment on
// each line that says where its value comes from, and secrets masked.
func Format(flags *pflag.FlagSet) (string, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range InForce(flags) {
		value := valueNode(s.Value)
		value.LineComment = s.Source
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: s.Name}, value)
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	if err := encoder.Encode(root); err != nil {
		return "", fmt.Errorf("writing the settings: %w", err)
	}
	return text.String(), encoder.Close()
}

// commentWidth is the greatest width of the comments of [Commented], in columns.
const commentWidth = 98

// Commented returns a file for --config that has all settings under the titles of
// their sections, each with its description and, as a comment, its default. The settings
// in set are lines with the values given there, not comments. A name in set that is no
// flag is an error.
func Commented(flags *pflag.FlagSet, set map[string]string) (string, error) {
	for name := range set {
		if flags.Lookup(name) == nil {
			return "", fmt.Errorf("there is no setting %q", name)
		}
	}
	var b strings.Builder
	var failed error
	for _, section := range Sections(flags) {
		fmt.Fprintf(&b, "\n### %s\n", section.Title)
		section.Flags.VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Name == fileFlag {
				return
			}
			mark, value := "#", f.DefValue
			if v, ok := set[f.Name]; ok {
				mark, value = "", v
			}
			line, err := yaml.Marshal(map[string]*yaml.Node{f.Name: valueNode(value)})
			if err != nil {
				failed = fmt.Errorf("%s: %w", f.Name, err)
			}
			_, usage := pflag.UnquoteUsage(f)
			fmt.Fprintf(&b, "\n%s%s%s", commentOf(usage), mark, line)
		})
	}
	return b.String(), failed
}

// valueNode is the value of a setting in a file.
func valueNode(value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if value == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// commentOf returns text as lines of comments.
func commentOf(text string) string {
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > commentWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// ReadSecret returns the one line of a file, such as a key, without blanks around it.
// The error names the file and shows nothing of its content.
func ReadSecret(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	for i := range len(secret) {
		if secret[i] < ' ' || secret[i] > '~' {
			return "", fmt.Errorf("%s: want one line of ASCII", name)
		}
	}
	if secret == "" {
		return "", errors.New(name + " is empty: want a key")
	}
	return secret, nil
}

// masked stands for a secret.
const masked = "********"

// userinfo matches the user and the secret before the host of an address, even if
// the secret has a slash in it.
var userinfo = regexp.MustCompile(`://[^?\s]*@`)

// Redact returns text, if it holds an address, without its possible credentials: the
// text before an @, and the values of parameters. The endpoint and the region of a
// bucket, and names of files, stay. Redact also serves messages about wrong addresses,
// and so does not rely on a correct one.
func Redact(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	address, query, hasQuery := strings.Cut(text, "?")
	address = userinfo.ReplaceAllLiteralString(address, "://"+masked+"@")
	if !hasQuery {
		return address
	}
	parameters := strings.Split(query, "&")
	for i, p := range parameters {
		parameters[i] = redactParameter(p)
	}
	return address + "?" + strings.Join(parameters, "&")
}

func redactParameter(p string) string {
	plainParameters := []string{"endpoint", "region", "token-file", "ca", "cert", "cert-key"}
	name, value, named := strings.Cut(p, "=")
	switch plain, err := url.QueryUnescape(value); {
	case !named:
		return masked
	case slices.Contains(plainParameters, name) && err == nil && !strings.Contains(plain, "@"):
		return p
	}
	return name + "=" + masked
}

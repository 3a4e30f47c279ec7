package config

import (
	"bytes"
	"fmt"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Annotations of flags.
const (
	sourceKey = "torrentcache_source" // where the value comes from
	secretKey = "torrentcache_secret" // the value is not to be shown
	fileKey   = "torrentcache_file"   // the value comes from the file of settings
)

func setSource(f *pflag.Flag, source string) { annotate(f, sourceKey, source) }

// MarkSecret says that the value of a flag is not to be shown.
func MarkSecret(f *pflag.Flag) { annotate(f, secretKey, "") }

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

// Format returns the settings in force as a file for --config, with a comment on
// each line that says where its value comes from. Secrets are masked, those in
// addresses as [Redact] does it.
func Format(flags *pflag.FlagSet) (string, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == fileFlag {
			return
		}
		text := Redact(f.Value.String())
		if list, ok := f.Value.(interface{ Redacted() string }); ok {
			text = list.Redacted()
		}
		if _, secret := f.Annotations[secretKey]; secret && text != "" {
			text = masked
		}
		value := valueNode(text)
		value.LineComment = Source(f)
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name}, value)
	})
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	if err := encoder.Encode(root); err != nil {
		return "", fmt.Errorf("writing the settings: %w", err)
	}
	return text.String(), encoder.Close()
}

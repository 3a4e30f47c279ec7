package config

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"./torrentcache-data":               "./torrentcache-data",
		"operator@example.org":              "operator@example.org",
		"https://ca.example.org/acme":       "https://ca.example.org/acme",
		"https://u:hunter2@ca.example.org/": "https://********@ca.example.org/",
		"https://ca/acme?key=hunter2":       "https://ca/acme?key=********",
		"s3://torrents/a?endpoint=http://127.0.0.1:9000&region=eu-1": "s3://torrents/a?endpoint=http://127.0.0.1:9000&region=eu-1",
		"s3://AKIA:hunter2@torrents":                                 "s3://********@torrents",
		"s3://AKIA:hun/ter2@torrents":                                "s3://********@torrents",
		"s3://torrents?secret_key=hunter2&region=a":                  "s3://torrents?secret_key=********&region=a",
		"s3://torrents?endpoint=http://u:hunter2@h":                  "s3://torrents?endpoint=********",
		"s3://torrents?endpoint=http%3A%2F%2Fu:hunter2%40h":          "s3://torrents?endpoint=********",
		"s3://torrents?endpoint=%zz":                                 "s3://torrents?endpoint=********",
		"s3://AKIA:x?hunter2@torrents":                               "s3://AKIA:x?********",
	} {
		if got := Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFormatShowsNoCredentialsOfAddresses(t *testing.T) {
	for _, args := range [][]string{
		{"--acme-directory", "https://u:hunter2@ca.example.org/acme?key=hunter2"},
		{"--store", "s3://u:hunter2@torrents?secret=hunter2"},
	} {
		text := formatted(t, args...)
		if strings.Contains(text, "hunter2") || !strings.Contains(text, masked) {
			t.Errorf("%q: %s", args, text)
		}
	}
	s, _ := parseServe(t, nil)
	s.ACME, s.HTTPSAddr, s.PublicURL, s.ACMEDirectory = "on", ":443", "https://example.org", "http://u:hunter2@ca"
	if err := s.Validate(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// formatted returns the text that config shows of serve's settings.
func formatted(t *testing.T, args ...string) string {
	t.Helper()
	var s Serve
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	text, err := Format(flags)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

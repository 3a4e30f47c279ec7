package config

import "testing"

func TestOrigins(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"https://example.org":                    "https://example.org",
		"HTTPS://Example.org/":                   "https://example.org",
		"https://example.org:443,http://a.b:80":  "https://example.org,http://a.b",
		"https://example.org:80":                 "https://example.org:80",
		"http://localhost:3000, http://[::1]:80": "http://localhost:3000,http://[::1]",
		"https://a.b,https://a.b":                "https://a.b",
	} {
		var o Origins
		if err := o.Set(text); err != nil || o.String() != want {
			t.Errorf("%q: %q (%v), want %q", text, o.String(), err, want)
		}
	}
}

func TestBadOriginsAreRefused(t *testing.T) {
	for _, text := range []string{
		"*", "null", "example.org", "//example.org", "https://", "https:example.org", "ftp://example.org", "https://*.example.org",
		"https://example.org/x", "https://example.org//", "https://example.org?x", "https://example.org#x", "https://u@example.org",
		"https://example.org:", "https://example.org:x", "https://exämple.org", "https://a.b,", ",", "https://a.b https://c.d",
	} {
		var o Origins
		if err := o.Set(text); err == nil {
			t.Errorf("%q: taken as %q", text, o.String())
		}
	}
}

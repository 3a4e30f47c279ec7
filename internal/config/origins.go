package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Origins are the origins of sites as browsers write them (RFC 6454, section 6.1), as the value
// of a flag that may be given several times, each time with commas between origins.
type Origins []string

// String returns the origins with commas between.
func (o *Origins) String() string { return strings.Join(*o, ",") }

// Set adds origins; one that is there already is not added again, and an empty text adds none.
func (o *Origins) Set(text string) error {
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		origin, err := parseOrigin(strings.TrimSpace(item))
		if err != nil {
			return err
		}
		if !slices.Contains(*o, origin) {
			*o = append(*o, origin)
		}
	}
	return nil
}

// Type names the value in the help.
func (o *Origins) Type() string { return "origins" }

// originHost is a host as it stands in an origin: names beyond ASCII are in punycode.
var originHost = regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)

// parseOrigin returns the origin that text is, in lower case and without the scheme's own port.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(text, "/")))
	ports := map[string]string{"http": ":80", "https": ":443"}
	if err != nil || ports[u.Scheme] == "" || !originHost.MatchString(u.Host) || u.Scheme+"://"+u.Host != u.String() {
		return "", fmt.Errorf("%q: want origins as browsers write them, a scheme and a host such as https://example.org, with commas between", Redact(text))
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, ports[u.Scheme]), nil
}

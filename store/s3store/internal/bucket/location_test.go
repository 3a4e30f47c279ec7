package bucket

import (
	"strings"
	"testing"
)

func TestParseLocation(t *testing.T) {
	good := map[string]Location{
		"s3://torrents":                 {Bucket: "torrents"},
		"s3://torrents/":                {Bucket: "torrents"},
		"s3://torrents/a/b/":            {Bucket: "torrents", Prefix: "a/b/"},
		"s3://torrents/a?region=eu-1":   {Bucket: "torrents", Prefix: "a/", Region: "eu-1"},
		"s3://b-1.c?endpoint=s3.x:9000": {Bucket: "b-1.c", Endpoint: "s3.x:9000"},
		"s3://torrents?endpoint=http://127.0.0.1:9000&region=default": {
			Bucket: "torrents", Endpoint: "127.0.0.1:9000", Insecure: true, Region: "default"},
		"s3://torrents?endpoint=https%3A%2F%2Fs3.x%2F": {Bucket: "torrents", Endpoint: "s3.x"},
	}
	for text, want := range good {
		if got, err := ParseLocation(text); err != nil || got != want {
			t.Errorf("ParseLocation(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "disk:x", "s3://", "s3:///x", "s3://UPPER", "s3://a", "s3://torrents?endpoint=", "s3://torrents?endpoint=ftp://x",
		"s3://torrents?endpoint=http://x/path", "s3://torrents?path=auto", "s3://torrents?region=a&region=b", "s3://user:x@torrents",
		"s3://torrents#x", "s3://torrents?endpoint=http://%zz", "s3://torrents/../x", "s3://torrents/a//b", "s3://torrents/.", "s3://b--use1-az4--x-s3",
	} {
		if got, err := ParseLocation(text); err == nil {
			t.Errorf("ParseLocation(%q) = %+v, want an error", text, got)
		}
	}
}

func TestNoErrorRepeatsASecret(t *testing.T) {
	for _, text := range []string{
		"s3://AKIA:hunter2@torrents", "s3://AKIA:hunter2/x@torrents", "s3://AKIA:hunter2%@torrents",
		"s3://torrents?secret_key=hunter2", "s3://torrents?endpoint=https://AKIA:hunter2@h",
	} {
		_, err := ParseLocation(text)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseLocation(f *testing.F) {
	f.Add("s3://torrents/a?endpoint=http://127.0.0.1:9000&region=default")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLocation(text)
		if err == nil && (l.Bucket == "" || l.Prefix != "" && l.Prefix[len(l.Prefix)-1] != '/') {
			t.Errorf("%q: %+v", text, l)
		}
	})
}

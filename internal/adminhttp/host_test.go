package adminhttp

import (
	"os"
	"testing"
)

func TestNamesOfTheListener(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	names := append(machineNames(), "cache.internal.example")
	for host, want := range map[string]bool{
		"127.0.0.1:9091":              true,
		"[::1]:9091":                  true,
		"192.0.2.1":                   true,
		"localhost:9091":              true,
		"LOCALHOST.":                  true,
		"a.localhost":                 true,
		"":                            true,
		machine + ":9091":             true,
		"cache.internal.example:9091": true,
		"CACHE.internal.example.":     true,
		"intranet":                    false,
		"wpad:9091":                   false,
		"attacker.example":            false,
		"localhost.attacker.example":  false,
		"127.0.0.1.attacker.example":  false,
	} {
		if got := isOurs(host, names); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

package main

import (
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// row is one line of the table.
type row struct {
	name          string
	set           set
	files         int      // of the set are asked for, one after another
	random        bool     // and not one after another
	header        []string // of the requests
	absent        bool     // ask for what is not there
	over          string   // TLS, by HTTP/1.1 or HTTP/2; "" is HTTP/1.1 without TLS
	twoCores      bool     // requests a second on two cores, not CPU time on one
	cache         int64    // bytes; 0: as much as there is
	floor, target string
}

// set is torrents of one size.
type set struct {
	size int // bytes
	n    int
}

var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.9,de;q=0.8",
	`sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`,
	"sec-ch-ua-mobile: ?0",
	`sec-ch-ua-platform: "Linux"`,
	"Sec-Fetch-Dest: document",
	"Sec-Fetch-Mode: navigate",
	"Sec-Fetch-Site: same-origin",
	"Sec-Fetch-User: ?1",
	"Upgrade-Insecure-Requests: 1",
	"Referer: http://torrents.example/latest",
	"Connection: keep-alive",
}

func rows(many int) []row {
	const kB = 1000
	small, usual := set{4 * kB, 10_000}, set{20 * kB, 10_000}
	tenth := int64(many) / 10 * (20*kB + 3*kB) // with what an entry takes beside its bytes
	return []row{
		{name: "4 KB, one", set: small, files: 1, floor: "0.9", target: "0.6"},
		{name: "4 KB, 10,000 distinct", set: small, files: small.n, floor: "0.9", target: "0.6"},
		{name: "20 KB, one", set: usual, files: 1, floor: "0.9", target: "0.6"},
		{name: "20 KB, 10,000 distinct", set: usual, files: usual.n, floor: "0.9", target: "0.6"},
		{name: "4 KB, a browser's headers", set: small, files: 1, header: browser, floor: "0.9", target: "0.6"},
		{name: "20 KB, a browser's headers", set: usual, files: 1, header: browser, floor: "0.9", target: "0.6"},
		{name: "100 KB", set: set{100 * kB, 100}, files: 100, floor: "0.9", target: "0.8"},
		{name: "1 MB", set: set{1000 * kB, 20}, files: 20, floor: "1.0", target: "0.7"},
		{name: "404 of an unknown hash", set: small, files: 1, absent: true, floor: "0.9", target: "0.6"},
		{name: "20 KB over TLS, HTTP/1.1", set: usual, files: 1, over: "HTTP/1.1", floor: "-", target: "-"},
		{name: "20 KB over TLS, HTTP/2", set: usual, files: 1, over: "HTTP/2", floor: "-", target: "-"},
		{name: fmt.Sprintf("20 KB, %d distinct, cache for a tenth", many), set: set{20 * kB, many}, files: many, random: true, cache: tenth, floor: "1.5", target: "1.0"},
		{name: "20 KB, two cores, requests/s", set: usual, files: 1, twoCores: true, floor: "1.2", target: "1.6"},
	}
}

// measure returns the row's line of the table.
func (b *bench) measure(r row) ([]string, error) {
	targets, err := b.targets(r)
	if err != nil {
		return nil, err
	}
	figures, err := side.Rounds(b.rounds, targets)
	if err != nil {
		return nil, err
	}
	product, nginx, nopush, files := figures[0], figures[1], figures[2], figures[3]
	if r.twoCores {
		ratio := func(f side.Figures) string { return fmt.Sprintf("%.2f", product.PerSecond/f.PerSecond) }
		rate := func(f side.Figures) string { return fmt.Sprintf("%.0f/s", f.PerSecond) }
		return []string{r.name, rate(product), rate(nginx), ratio(nginx), r.floor, r.target, rate(nopush), ratio(nopush), rate(files), ratio(files), ratio(nginx)}, nil
	}
	ratio := func(f side.Figures) string { return fmt.Sprintf("%.2f", float64(product.CPU)/float64(f.CPU)) }
	cost := func(f side.Figures) string { return fmt.Sprintf("%.2f us", float64(f.CPU)/float64(time.Microsecond)) }
	return []string{r.name, cost(product), cost(nginx), ratio(nginx), r.floor, r.target, cost(nopush), ratio(nopush), cost(files), ratio(files),
		fmt.Sprintf("%.2f", product.PerSecond/nginx.PerSecond)}, nil
}

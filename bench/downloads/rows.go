package main

import (
	"fmt"
	"time"
)

// row is one line of the table.
type row struct {
	key, name     string        // on the command line, and in the table
	set           set           // the requested torrents, in order, again and again
	random        bool          // request them at random instead
	header        []string      // of each request
	absent        bool          // request a torrent that the server does not have
	over          string        // TLS, by HTTP/1.1 or HTTP/2; "" is HTTP/1.1 without TLS
	tenth         bool          // the product's cache holds a tenth of the bytes; else all
	pause         time.Duration // average pause of a connection before its next request
	latency       bool          // compare how long answers take, not CPU time
	floor, target string        // the highest accepted ratio, and the goal
}

const (
	http1 = "HTTP/1.1"
	http2 = "HTTP/2"
)

// browser is the header that Chromium sends when a user follows a link, without Host.
var browser = []string{
	"Connection: keep-alive",
	`sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`,
	"sec-ch-ua-mobile: ?0",
	`sec-ch-ua-platform: "Linux"`,
	"Upgrade-Insecure-Requests: 1",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
	"Sec-Fetch-Site: same-origin",
	"Sec-Fetch-Mode: navigate",
	"Sec-Fetch-User: ?1",
	"Sec-Fetch-Dest: document",
	"Referer: http://torrents.example/latest",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.9,de;q=0.8",
}

// rows returns all rows. The first is the mix, which matters most. The row with a cache for a
// tenth has that many distinct torrents; rows leaves it out if distinct is 0.
func rows(distinct int) []row {
	const kB = 1000
	mix, small, usual := set{n: 10_000}, set{4 * kB, 10_000}, set{20 * kB, 10_000}
	all := []row{
		{key: "mix", name: "mix, 10,000 distinct", set: mix, floor: "0.9", target: "0.75"},
		{key: "4k", name: "4 KB, 10,000 distinct", set: small, floor: "0.95", target: "0.7"},
		{key: "4k-browser", name: "4 KB, 10,000 distinct, a browser's headers", set: small, header: browser, floor: "0.95", target: "0.7"},
		{key: "20k", name: "20 KB, 10,000 distinct", set: usual, floor: "0.95", target: "0.7"},
		{key: "20k-browser", name: "20 KB, 10,000 distinct, a browser's headers", set: usual, header: browser, floor: "0.95", target: "0.7"},
		{key: "404", name: "404 of an unknown hash", set: set{4 * kB, 1}, absent: true, floor: "0.95", target: "0.7"},
		{key: "100k", name: "100 KB, 100 distinct", set: set{100 * kB, 100}, floor: "2.2", target: "-"},
		{key: "1m", name: "1 MB, 20 distinct", set: set{1000 * kB, 20}, floor: "1.5", target: "-"},
	}
	if distinct > 0 {
		all = append(all, row{key: "tenth", name: fmt.Sprintf("mix, %d distinct, cache for a tenth", distinct),
			set: set{n: distinct}, random: true, tenth: true, floor: "1.6", target: "1.0"})
	}
	return append(all,
		row{key: "tls", name: "mix over TLS, HTTP/1.1", set: mix, over: http1, floor: "1.0", target: "0.8"},
		row{key: "h2", name: "mix over TLS, HTTP/2", set: mix, over: http2, floor: "3.5", target: "2.0"},
		row{key: "p99", name: "mix, 99th percentile of latency", set: mix, latency: true, floor: "1.2", target: "1.0"},
	)
}

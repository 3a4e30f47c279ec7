package client_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
)

func ExampleClient_Get() {
	c, err := client.Dial("127.0.0.1:9090", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	id, err := infohash.Parse("C12FE1C06BBA254A9DC9F519B335AA7C1367A88A")
	if err != nil {
		log.Fatal(err)
	}
	torrent, err := c.Get(context.Background(), id)
	if client.Reason(err) == "TORRENT_NOT_FOUND" {
		fmt.Println("not cached")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(torrent), "bytes")
}

func ExampleClient_Push() {
	c, err := client.Dial("127.0.0.1:9090", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	paths, err := filepath.Glob("torrents/*.torrent")
	if err != nil {
		log.Fatal(err)
	}
	items := func(yield func(client.Item) bool) {
		for _, path := range paths {
			item := client.Item{Name: path, Load: func() ([]byte, error) { return os.ReadFile(path) }}
			if !yield(item) {
				return
			}
		}
	}
	err = c.Push(context.Background(), items, client.PushOptions{Result: func(r client.Result) {
		fmt.Println(r.Item.Name, r.Status, r.IDs.Primary(), r.Reason)
	}})
	if err != nil {
		log.Fatal(err) // Push did not get to its end
	}
}

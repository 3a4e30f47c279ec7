package wanted_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wanted"
)

func id(n int) infohash.ID {
	var digest [20]byte
	binary.BigEndian.PutUint64(digest[:], uint64(n))
	return infohash.V1(digest)
}

func from(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{9, 9, byte(n >> 8), byte(n)}), 32)
}

// names returns which torrents are told of after a number, and the next number.
func names(b *wanted.Book, number uint64) (all []int, next uint64) {
	torrents, next, _ := b.After(number, 1000)
	for _, t := range torrents {
		all = append(all, int(binary.BigEndian.Uint64(t.ID.AppendTo(nil))))
	}
	return all, next
}

func TestTwoAskersMakeATorrentWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wanted.New(10)
		for range 5 {
			if b.Miss(id(1), from(1), false) {
				t.Error("one asker makes a torrent wanted")
			}
		}
		if !b.Miss(id(1), from(2), false) || !b.Miss(id(1), from(1), false) || b.Since(id(1)).IsZero() {
			t.Error("two askers do not")
		}
		if !b.Miss(id(2), from(1), true) {
			t.Error("a key does not")
		}
		b.Ask(id(3), nil)
		b.Miss(id(4), from(1), false)
		time.Sleep(24 * time.Hour) // there is another salt then
		if b.Miss(id(4), from(2), false) {
			t.Error("an asker of yesterday counts")
		}
	})
}

// A crawl does not fill the book, and the book forgets nothing that is wanted.
func TestCrawl(t *testing.T) {
	b := wanted.New(10)
	b.Ask(id(-1), nil)
	for n := range 200_000 {
		if b.Miss(id(n), from(1), false) {
			t.Fatal("what one asker asks for is wanted")
		}
	}
	if got, _ := names(b, 0); len(got) != 1 || b.Len() != 1 {
		t.Errorf("%v are wanted", got)
	}
}

func TestBounds(t *testing.T) {
	b := wanted.New(3)
	for n := range 5 {
		b.Ask(id(n), nil)
	}
	if got, _ := names(b, 0); fmt.Sprint(got) != "[2 3 4]" || b.Len() != 3 {
		t.Errorf("%v are wanted", got)
	}
	var many []string
	for n := range 30 {
		many = append(many, fmt.Sprintf("udp://t%d.example:80", n))
	}
	b.Ask(id(4), append(many, "http://tracker.example/0123456789abcdef0123456789abcdef/announce"))
	b.Ask(id(4), many)
	all, _, _ := b.After(0, 10)
	if last := all[len(all)-1]; len(last.Trackers) != wanted.MaxTrackers || last.Asked != 3 {
		t.Errorf("%+v", last)
	}
}

func TestAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wanted.New(10)
		_, start, more := b.After(0, 10)
		b.Ask(id(1), nil)
		<-more
		b.Ask(id(2), nil)
		b.Ask(id(3), nil)
		some, next, _ := b.After(start, 2)
		if len(some) != 2 || some[0].ID != id(1) {
			t.Errorf("%v", some)
		}
		if got, end := names(b, next); fmt.Sprint(got) != "[3]" {
			t.Errorf("after two there are %v", got)
		} else if got, _ := names(b, end); len(got) > 0 {
			t.Errorf("after all there are %v", got)
		}
		_, next = names(b, 0)
		b.Ask(id(1), nil)
		if got, _ := names(b, next); len(got) > 0 {
			t.Errorf("%v are told of again at once", got)
		}
		time.Sleep(time.Minute)
		b.Miss(id(1), from(1), false)
		if got, _ := names(b, next); fmt.Sprint(got) != "[1]" {
			t.Errorf("%v are told of again after a minute", got)
		}
		b.Ask(id(2), []string{"udp://tracker.example:80"})
		if got, _ := names(b, next); fmt.Sprint(got) != "[1 2]" {
			t.Errorf("%v are told of again, one with another tracker", got)
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wanted.New(10)
		v2 := infohash.V2([32]byte{1})
		b.Ask(v2.Short(), nil)
		b.Ask(v2, nil)
		b.Ask(id(1), nil)
		b.Forget(infohash.Set{V2: v2}.All()...)
		if !b.Since(v2).IsZero() || !b.Since(v2.Short()).IsZero() || b.Since(id(1)).IsZero() {
			t.Error("what came is wanted, or what did not is not")
		}
		time.Sleep(24 * time.Hour)
		if got, _ := names(b, 0); len(got) > 0 || !b.Since(id(1)).IsZero() {
			t.Errorf("%v are wanted after a day", got)
		}
		if b.Miss(id(1), from(1), false) {
			t.Error("what was wanted a day ago is wanted by one asker")
		}
	})
}

func TestNoBook(t *testing.T) {
	b := wanted.New(0)
	b.Ask(id(1), nil)
	b.Forget(id(1))
	if b != nil || b.Miss(id(1), from(1), true) || !b.Since(id(1)).IsZero() || b.Len() != 0 {
		t.Error("there is a book")
	}
}

package metainfo_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestAcceptedV1(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		size int64
	}{
		{"one file", torrent(v1Info(nil)), 5},
		{"two files", torrent(v1Info(files(file(2, "a"), file(3, "d", "b")))), 5},
		{"an empty file among others", torrent(v1Info(files(file(5, "a"), file(0, "b")))), 5},
		{"pad files do not count", torrent(v1Info(files(file(3, "a"), with(file(2, ".pad", "2"), tt.Dict{"attr": "p"})))), 3},
		{"a pad file without path", torrent(v1Info(files(file(3, "a"), tt.Dict{"attr": "p", "length": 2}))), 3},
		{"a pad file of BitComet", torrent(v1Info(files(file(3, "a"), file(2, "_____padding_file_0_if you see this")))), 3},
		{"a symbolic link, its length ignored", torrent(v1Info(files(file(5, "a"),
			with(file(-9, "l"), tt.Dict{"attr": "l", "symlink path": tt.List{"a"}})))), 5},
		{"a symbolic link to nowhere", torrent(v1Info(files(file(5, "a"), with(file(7, "l"), tt.Dict{"attr": "l"})))), 5},
		{"piece length 1", torrent(v1Info(tt.Dict{"piece length": 1, "pieces": hashes(5)})), 5},
		{"the greatest piece length", torrent(v1Info(tt.Dict{"piece length": metainfo.MaxPieceLength})), 5},
		{"files before length", torrent(v1Info(tt.Dict{"files": tt.List{file(4, "a")}})), 4},
		{"files is no list", torrent(v1Info(tt.Dict{"files": 5})), 5},
		{"meta version 1", torrent(v1Info(tt.Dict{"meta version": 1})), 5},
		{"meta version is no integer", torrent(v1Info(tt.Dict{"meta version": "2"})), 5},
		{"name only as name.utf-8", torrent(v1Info(tt.Dict{"name": nil, "name.utf-8": "x"})), 5},
		{"an empty directory name", torrent(v1Info(with(files(file(5, "a")), tt.Dict{"name": ""}))), 5},
		{"hostile names", torrent(v1Info(with(files(file(5, "..", "\x00", "a\r\nb", "\xff", "/etc/passwd")), tt.Dict{"name": ".."}))), 5},
		{"unsorted keys", []byte("d4:infod6:pieces20:" + hashes(1) + "4:name1:x12:piece lengthi16384e6:lengthi5ee8:announce1:ae"), 5},
		{"duplicate keys, the first counts", []byte("d4:infod6:lengthi5e6:lengthi9e4:name1:x12:piece lengthi16384e6:pieces20:" + hashes(1) + "ee"), 5},
		{"leading zeros and minus zero", []byte("d4:infod6:lengthi005e004:name1:x12:piece lengthi16384e6:pieces20:" + hashes(1) + "e1:zi-0ee"), 5},
		{"integers of 20 digits that no rule reads", tt.Bencode(tt.Dict{"info": v1Info(nil), "z": tt.Raw("i99999999999999999999e")}), 5},
		{"white space at the end", append(torrent(v1Info(nil)), " \t\r\n\v\f"...), 5},
		{"keys that are not ours", tt.Bencode(tt.Dict{"info": v1Info(tt.Dict{"x": tt.List{tt.Dict{"": 1}}}), "": "", "zz": tt.List{}}), 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustParse(t, test.in)
			if got.TotalSize() != test.size {
				t.Errorf("total size %d, want %d", got.TotalSize(), test.size)
			}
			if ids := got.IDs(); ids.V1.IsZero() || !ids.V2.IsZero() {
				t.Errorf("ids %v, want v1 only", ids)
			}
		})
	}
}

func TestRefusedBencoding(t *testing.T) {
	tests := []struct{ name, in, rule string }{
		{"nothing", "", "at byte 0: the file is empty"},
		{"a web page", "<!DOCTYPE html>", "at byte 0: this is a web page"},
		{"a list", "le", "at byte 0: a torrent begins with `d`, this file with `l`"},
		{"white space first", " de", "at byte 0: a torrent begins with `d`, this file with the byte 0x20"},
		{"cut short at once", "d", "at byte 1: the file ends before its dictionary does"},
		{"cut short in a string", "d4:in", "at byte 1: the string should be 4 bytes long, the file ends after 2"},
		{"cut short in a length", "d4", "at byte 2: the file ends within the length of a string"},
		{"cut short in an integer", "d1:ai5", "at byte 6: the file ends within an integer"},
		{"a huge length", "d99999999999:", "at byte 1: the string should be 99999999999 bytes long, the file ends after 0"},
		{"a length of a million digits", "d" + strings.Repeat("9", 1_000_000) + ":", "at byte 1: the length of a string has more than 16 digits"},
		{"an integer of a million digits", "d1:ai" + strings.Repeat("9", 1_000_000) + "ee", "at byte 4: the integer has more than 20 digits"},
		{"no colon", "d4info", "at byte 2: want `:` after the length of a string, found `i`"},
		{"an integer as a key", "di1ei2ee", "at byte 1: want a dictionary key, which is a string"},
		{"a key without a value", "d1:ae", "at byte 4: the dictionary ends after a key"},
		{"no value", "d1:ax", "at byte 4: want a value: a digit, `i`, `l` or `d`; found `x`"},
		{"an empty integer", "d1:aiee", "at byte 5: want a digit of an integer, found `e`"},
		{"a minus and no digits", "d1:ai-ee", "at byte 6: want a digit of an integer"},
		{"a fraction", "d1:ai1.5ee", "at byte 6: want `e` at the end of an integer, found `.`"},
		{"a million lists", "d1:a" + strings.Repeat("l", 1_000_000), "at byte 103: lists and dictionaries are nested 100 deep, at most 99 may be"},
		{"a million dictionaries", strings.Repeat("d1:a", 1_000_000), "nested 100 deep"},
		{"too many values", "d1:al" + strings.Repeat("0:", metainfo.MaxTokens) + "ee", "more than 3000000 values"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, []byte(test.in), test.rule) })
	}
}

func TestRefusedOuter(t *testing.T) {
	info := string(tt.Bencode(v1Info(nil)))
	tests := []struct{ name, in, rule string }{
		{"no info", "de", "at byte 0: the torrent has no `info` dictionary"},
		{"info is a string", "d4:info1:xe", "at byte 7: `info` is no dictionary"},
		{"two infos", "d4:info" + info + "4:info" + info + "e", "a second `info`"},
		{"an info that is none and one that is", "d4:info1:x4:info" + info + "e", "at byte 12: a second `info`"},
		{"text after the end", "d4:info" + info + "e\ntext", "the torrent is complete, yet more follows: `t`"},
		{"NUL after the end", "d4:info" + info + "e\x00", "yet more follows: the byte 0x00"},
		{"a magnet link", "d10:magnet-uri60:magnet:?xt=urn:btih:" + strings.Repeat("a", 40) + "e", "no `info` dictionary"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, []byte(test.in), test.rule) })
	}
}

func TestRefusedV1(t *testing.T) {
	tests := []struct {
		name string
		info tt.Dict
		rule string
	}{
		{"no name", v1Info(tt.Dict{"name": nil}), "at byte 7: `info` has no string `name`"},
		{"an integer as name", v1Info(tt.Dict{"name": 5}), "no string `name`"},
		{"an empty name of one file", v1Info(tt.Dict{"name": ""}), "is the name of the file, is empty"},
		{"no piece length", v1Info(tt.Dict{"piece length": nil}), "no integer `piece length`"},
		{"piece length 0", v1Info(tt.Dict{"piece length": 0}), "at byte 43: `piece length` is not between 1 and 536854528"},
		{"piece length too great", v1Info(tt.Dict{"piece length": metainfo.MaxPieceLength + 1}), "`piece length` is not between"},
		{"no pieces", v1Info(tt.Dict{"pieces": nil}), "no string `pieces`"},
		{"pieces is a list", v1Info(tt.Dict{"pieces": tt.List{}}), "no string `pieces`"},
		{"pieces too short", v1Info(tt.Dict{"pieces": strings.Repeat("h", 19)}), "`pieces` is 19 bytes long, want 20 bytes for each of the 1 pieces, 20"},
		{"pieces too long", v1Info(tt.Dict{"pieces": hashes(2)}), "`pieces` is 40 bytes long, want 20"},
		{"too many pieces", v1Info(tt.Dict{"piece length": 1, "length": metainfo.MaxPieces + 1}), "2097153 pieces, at most 2097152 may be; make `piece length` greater"},
		{"no length", v1Info(tt.Dict{"length": nil}), "the file has no integer `length`"},
		{"a negative length", v1Info(tt.Dict{"length": -1}), "at byte 16: `length` is not between 0 and"},
		{"a length that does not fit", v1Info(tt.Dict{"length": tt.Raw("i18446744073709551621e")}), "`length` is not between"},
		{"a length too great", v1Info(tt.Dict{"length": metainfo.MaxFileLength + 1}), "`length` is not between"},
		{"nothing but an empty file", v1Info(tt.Dict{"length": 0, "pieces": ""}), "the torrent has no content"},
		{"no files", v1Info(files()), "`files` is empty"},
		{"a string among the files", v1Info(files("a")), "an entry of `files` is no dictionary"},
		{"a file without path", v1Info(files(tt.Dict{"length": 5})), "the file has no `path` with at least one part"},
		{"an empty path", v1Info(files(file(5))), "the file has no `path`"},
		{"an empty path.utf-8", v1Info(files(with(file(5, "a"), tt.Dict{"path.utf-8": tt.List{}}))), "the file has no `path`"},
		{"an integer in a path", v1Info(files(file(5, "a", 5))), "a part of `path` is no string"},
		{"an integer in a symlink path", v1Info(files(file(5, "a"), with(file(0, "l"), tt.Dict{"attr": "l", "symlink path": tt.List{5}}))), "a part of `symlink path` is no string"},
		{"lengths that add up to too much", v1Info(files(manyFiles(17)...)), "the files up to this one are together longer than 281474976710655 bytes"},
		{"a file tree without meta version", v1Info(tt.Dict{"file tree": tt.Dict{}}), "`file tree` needs `meta version` 2"},
		{"meta version 3", v1Info(tt.Dict{"meta version": 3}), "`meta version` is not 1 or 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, torrent(test.info), test.rule) })
	}
}

// manyFiles returns n files of the greatest length.
func manyFiles(n int) []any {
	var list []any
	for i := range n {
		list = append(list, file(metainfo.MaxFileLength, fmt.Sprint(i)))
	}
	return list
}

func TestHashesAreOverTheRawBytes(t *testing.T) {
	// Unsorted, with leading zeros and an integer no type holds: a re-encoding
	// would change each of them.
	info := "d6:pieces20:" + hashes(1) + "4:name1:x12:piece lengthi0016384e6:lengthi5e1:zi99999999999999999999ee"
	file := []byte("d8:announce1:a4:info" + info + "5:nodeslee")
	got := mustParse(t, file)
	if want := (infohash.Set{V1: infohash.V1(sha1.Sum([]byte(info)))}); got.IDs() != want {
		t.Errorf("ids %v, want %v", got.IDs(), want)
	}
	if offset, length := got.InfoSpan(); string(file[offset:offset+length]) != info {
		t.Errorf("info is %q, want %q", file[offset:offset+length], info)
	}
	if &got.Bytes()[0] != &file[0] || len(got.Bytes()) != len(file) {
		t.Error("Bytes is not the slice that was parsed")
	}
}

func TestIDsByKind(t *testing.T) {
	for kind, b := range map[string][]byte{"v1": tt.V1("x"), "v2": tt.V2("x"), "hybrid": tt.Hybrid("x")} {
		t.Run(kind, func(t *testing.T) {
			got := mustParse(t, b)
			offset, length := got.InfoSpan()
			info := b[offset : offset+length]
			var want infohash.Set
			if kind != "v2" {
				want.V1 = infohash.V1(sha1.Sum(info))
			}
			if kind != "v1" {
				want.V2 = infohash.V2(sha256.Sum256(info))
			}
			if got.IDs() != want {
				t.Errorf("ids %v, want %v", got.IDs(), want)
			}
		})
	}
}

func TestPrivate(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  bool
	}{
		{"absent", nil, false},
		{"0", 0, false},
		{"1", 1, true},
		{"2", 2, true},
		{"-1", -1, true},
		{"no integer", "1", false},
		{"does not fit 64 bits", tt.Raw("i99999999999999999999e"), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mustParse(t, torrent(v1Info(tt.Dict{"private": test.value}))).Private(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aheadHashes returns n info hashes that nobody has.
func aheadHashes(n int) []string {
	hashes := make([]string, n)
	for i := range hashes {
		hashes[i] = fmt.Sprintf("%040X", i+1)
	}
	return hashes
}

// In a list of more than one page each line has its answer, in order. A bad line does not hinder
// the others.
func TestLongLists(t *testing.T) {
	p := startServe(t, t.TempDir())
	held := p.holding(t, 2)
	hashes := append(aheadHashes(2500), held...)
	list := writeFile(t, t.TempDir(), "list.txt", []byte("nonsense\n"+strings.Join(hashes, "\n")+"\n"))
	var want strings.Builder
	for i, hash := range hashes {
		fmt.Fprintf(&want, "%s removed", hash)
		if i < 2500 {
			want.WriteString("; it was not cached")
		}
		want.WriteByte('\n')
	}
	done := p.operate(t, "", "remove", list)
	done.want(t, 3, `"nonsense": malformed`, "2,503 info hashes in ", ": 2,502 removed, 1 failed\n", "remove failed for 1 of 2,503")
	if done.stdout != want.String() {
		t.Errorf("%.300s, want %.300s", done.stdout, want.String())
	}
	p.operate(t, "", "restore", list, held[0]).want(t, 3, held[1]+" restored\n", ": 2,502 restored, 2 failed\n", held[0]+": TORRENT_NOT_FOUND")
}

// Info hashes that a journal notes are not sent again for the same work. For other work they are.
func TestResumedLists(t *testing.T) {
	dir := t.TempDir()
	log, notes := filepath.Join(dir, "audit.log"), filepath.Join(dir, "notes")
	p := startServe(t, t.TempDir(), "--audit-log", log)
	hashes := aheadHashes(1500)
	first := writeFile(t, dir, "first.txt", []byte(strings.Join(hashes[:1200], "\n")))
	whole := writeFile(t, dir, "whole.txt", []byte(strings.Join(hashes, "\n")))
	for _, step := range []struct {
		says string
		sent int // info hashes in all
		args []string
	}{
		{": 1,200 removed\n", 1200, []string{"remove", "--resume", notes, first}},
		{": 300 removed, 1,200 done before\n", 1500, []string{"remove", "--resume", notes, whole}},
		{": 0 removed, 1,500 done before\n", 1500, []string{"remove", "--resume", notes, whole}},
		{": 1,500 to restore\n", 1500, []string{"restore", "--resume", notes, "--dry-run", whole}},
		{": 1,500 removed\n", 3000, []string{"remove", "--resume", notes, "--reason", "another", whole}},
		{": 1,500 removed\n", 4500, []string{"remove", "--resume", notes, "--erase", whole}},
		{": 1,500 restored\n", 6000, []string{"restore", "--resume", notes, whole}},
		{": 0 restored, 1,500 done before\n", 6000, []string{"restore", "--resume", notes, whole}},
	} {
		p.operate(t, "", step.args...).want(t, 0, step.says)
		if got := len(auditLines(t, log)); got != step.sent {
			t.Errorf("%v: %d audit lines, want %d", step.args, got, step.sent)
		}
	}
}

func TestDryRunsOfLists(t *testing.T) {
	log := filepath.Join(t.TempDir(), "audit.log")
	p := startServe(t, t.TempDir(), "--audit-log", log)
	hash, ahead := p.holding(t, 1)[0], strings.Repeat("AB", 20)
	p.operate(t, hash+"\n"+ahead+"\n", "remove", "--dry-run", "-").want(t, 0,
		hash+" would be removed\n", ahead+" would be removed; it was not cached\n", ": 2 to remove\n")
	if code, _ := p.download(t, hash); code != http.StatusOK {
		t.Errorf("a dry run removed it: %d", code)
	}
	p.operate(t, "", "remove", ahead).want(t, 0)
	p.operate(t, "", "restore", "--dry-run", hash, ahead).want(t, 3, ahead+" would be restored\n", hash+": TORRENT_NOT_FOUND")
	if lines := auditLines(t, log); len(lines) != 1 {
		t.Errorf("%+v", lines)
	}
}

// An error that ends a run says so, and how to go on. The journal notes nothing that was not done.
func TestListsThatStop(t *testing.T) {
	dir := t.TempDir()
	p := startServe(t, t.TempDir())
	notes := filepath.Join(dir, "notes")
	list := writeFile(t, dir, "list.txt", []byte(strings.Join(aheadHashes(3), "\n")))
	p.kill(t)
	p.operate(t, "nonsense\n", "remove", "--resume", notes, "-", list).want(t, 1, "no torrentcache server answers there", "with the same --resume")
	q := startServe(t, t.TempDir())
	q.operate(t, "", "remove", "--resume", notes, list).want(t, 0, ": 3 removed\n")
	precious := writeFile(t, dir, "precious", []byte("some text"))
	q.operate(t, "", "remove", "--resume", precious, list).want(t, 1, "this is no journal")
	if text, err := os.ReadFile(precious); err != nil || string(text) != "some text" {
		t.Errorf("%s, %v", text, err)
	}
}

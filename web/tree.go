package web

import "strings"

const (
	// maxDepth is how many nested folders a page shows as folders. Deeper names share one line with
	// the file's name.
	maxDepth = 16

	// maxOpen is the largest number of files for which a page shows all folders open at first.
	maxOpen = 60
)

// folder is a folder of a torrent, as a page shows it.
type folder struct {
	Name    string // as it is shown
	Size    int64  // bytes of the files
	Count   int64  // number of files, including those in subfolders
	Open    bool
	Folders []*folder // in the order of the torrent
	Files   []leaf

	byName map[string]*folder
}

// leaf is a file in a folder.
type leaf struct {
	Name string // as it is shown
	Size int64  // bytes
	Link string
}

// treeOf returns the folder that contains files, without padding files.
func treeOf(files []File) *folder {
	root := &folder{}
	for _, f := range files {
		if !f.Pad && len(f.Path) > 0 {
			root.add(f)
		}
	}
	root.open(root.Count <= maxOpen)
	return root
}

func (d *folder) add(f File) {
	d.count(f)
	last := min(len(f.Path)-1, maxDepth)
	for _, name := range f.Path[:last] {
		d = d.within(name)
		d.count(f)
	}
	name := visibleName(strings.Join(f.Path[last:], "/"))
	d.Files = append(d.Files, leaf{Name: name, Size: f.Size, Link: visibleName(f.Link)})
}

func (d *folder) count(f File) {
	d.Size += f.Size
	d.Count++
}

// within returns the subfolder of d with that name, and makes it if necessary.
func (d *folder) within(name string) *folder {
	if sub := d.byName[name]; sub != nil {
		return sub
	}
	sub := &folder{Name: visibleName(name)}
	if d.byName == nil {
		d.byName = map[string]*folder{}
	}
	d.byName[name] = sub
	d.Folders = append(d.Folders, sub)
	return sub
}

// open opens all folders if all is set, else only those that have no sibling.
func (d *folder) open(all bool) {
	for _, sub := range d.Folders {
		sub.Open = all || len(d.Folders) == 1
		if sub.Open {
			sub.open(all)
		}
	}
}

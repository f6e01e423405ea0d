package images

import (
	"fmt"
	"path"
	"strings"

	"v7em/unix/aout"
	"v7em/unix/fs"
)

// learnDir is where learn keeps its lessons: archives, which V7's manual has the
// operator unpack into directories of the same names.
const learnDir = "/usr/lib/learn"

// lessons returns the files in the lesson archives of the distribution.
func lessons(src *Tree) ([]file, error) {
	f, rel := src.at(learnDir)
	list, err := f.ReadDir(rel)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range list {
		course, ok := strings.CutSuffix(e.Name, ".a")
		if !ok {
			continue
		}
		data, err := src.ReadFile(path.Join(learnDir, e.Name))
		if err != nil {
			return nil, err
		}
		members, err := aout.ParseArchive(data)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", learnDir, e.Name, err)
		}
		for _, m := range members {
			files = append(files, file{name: path.Join(learnDir, course, m.Name), data: m.Data, attr: fs.Attr{
				Perm: m.Mode & fs.ModePerm, UID: int16(m.UID), GID: int16(m.GID), MTime: fs.UnixTime(m.Date),
			}})
		}
	}
	return files, nil
}

package fs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// paxRecords are the records of pax headers that matter here. nil is for none.
type paxRecords struct {
	path, link     *string
	size, uid, gid *int64
	mtime          *int64
	name           *string // GNU: of a sparse file; path is then made up
	real           *int64
	version        string // of GNU's sparse format: "1.0" has the pieces with the data
	pieces         []TarPiece
	offset         int64 // of the piece that has no length yet
	haveOffset     bool
}

// with returns the records of p, and of q where they are the same.
func (p paxRecords) with(q paxRecords) paxRecords {
	all := q
	for _, s := range []struct{ to, from **string }{{&all.path, &p.path}, {&all.link, &p.link}} {
		if *s.to == nil {
			*s.to = *s.from
		}
	}
	for _, n := range []struct{ to, from **int64 }{{&all.size, &p.size}, {&all.uid, &p.uid}, {&all.gid, &p.gid},
		{&all.mtime, &p.mtime}} {
		if *n.to == nil {
			*n.to = *n.from
		}
	}
	return all
}

// maxExtended bounds what a header may say of the next member, in bytes.
const maxExtended = 1 << 20

// extended reads a header of pax or GNU tar that says something of the members after it.
// What is wrong with it is wrong with the next member.
func (t *TarReader) extended(flag byte, size int64) error {
	t.left, t.pad = size, -size&(BlockSize-1)
	if size > maxExtended {
		t.pad, t.left = t.pad+t.left, 0
		t.wrong = fmt.Errorf("an extended header of %d bytes", size)
		return nil
	}
	b, err := io.ReadAll(t)
	if err != nil {
		return err
	}
	switch flag {
	case 'L', 'K':
		s := cString(b)
		if flag == 'L' {
			t.longName = &s
		} else {
			t.longLink = &s
		}
	case 'g':
		// The records of a file alone make no sense for all of them.
		var all paxRecords
		if err := all.parse(b); err != nil {
			t.wrong = err
		}
		t.global = t.global.with(paxRecords{path: all.path, link: all.link, size: all.size, uid: all.uid,
			gid: all.gid, mtime: all.mtime})
	default:
		if err := t.local.parse(b); err != nil {
			t.wrong = err
		}
	}
	return nil
}

// parse takes the records at b: each "27 path=what it is called\n", with its own length
// before it.
func (p *paxRecords) parse(b []byte) error {
	for len(b) > 0 {
		digits, _, ok := bytes.Cut(b[:min(len(b), 10)], []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n < len(digits)+2 || n > len(b) || b[n-1] != '\n' {
			return errors.New("a damaged extended header")
		}
		key, value, ok := strings.Cut(string(b[len(digits)+1:n-1]), "=")
		if !ok {
			return errors.New("a damaged extended header")
		}
		if err := p.set(key, value); err != nil {
			return fmt.Errorf("extended header: %s: %w", quoted(key), err)
		}
		b = b[n:]
	}
	return nil
}

// set takes one record.
func (p *paxRecords) set(key, value string) error {
	number := func(to **int64) error {
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return errors.New("no number")
		}
		*to = &v
		return nil
	}
	var n *int64
	switch key {
	case "path", "linkpath", "GNU.sparse.name":
		if strings.IndexByte(value, 0) >= 0 {
			return fmt.Errorf("name %s", quoted(value))
		}
		switch key {
		case "path":
			p.path = &value
		case "linkpath":
			p.link = &value
		default:
			p.name = &value
		}
	case "size":
		if err := number(&p.size); err != nil {
			return err
		}
		if *p.size < 0 || *p.size > maxTarSize {
			return fmt.Errorf("%d bytes", *p.size)
		}
	case "uid":
		return number(&p.uid)
	case "gid":
		return number(&p.gid)
	case "mtime":
		sec, frac, _ := strings.Cut(value, ".")
		whole := value
		value = sec
		if err := number(&p.mtime); err != nil {
			return err
		}
		if strings.HasPrefix(whole, "-") && strings.Trim(frac, "0") != "" && *p.mtime > -1<<62 {
			*p.mtime--
		}
	case "GNU.sparse.major":
		p.version = value + "."
	case "GNU.sparse.minor":
		p.version += value
	case "GNU.sparse.realsize", "GNU.sparse.size":
		return number(&p.real)
	case "GNU.sparse.offset":
		if err := number(&n); err != nil {
			return err
		}
		p.offset, p.haveOffset = *n, true
	case "GNU.sparse.numbytes":
		if err := number(&n); err != nil || !p.haveOffset {
			return errors.New("no piece of a file")
		}
		p.haveOffset = false
		return p.piece(p.offset, *n)
	case "GNU.sparse.map":
		list := strings.Split(value, ",")
		if len(list)%2 != 0 {
			return errors.New("no list of pieces")
		}
		p.pieces = nil
		for i := 0; i < len(list); i += 2 {
			off, err := strconv.ParseInt(list[i], 10, 64)
			length, err2 := strconv.ParseInt(list[i+1], 10, 64)
			if err = errors.Join(err, err2); err == nil {
				err = p.piece(off, length)
			}
			if err != nil {
				return errors.New("no list of pieces")
			}
		}
	}
	return nil
}

// piece adds a piece of a sparse file.
func (p *paxRecords) piece(off, length int64) error {
	if len(p.pieces) >= maxPieces {
		return errors.New("more pieces than are read here")
	}
	p.pieces = append(p.pieces, TarPiece{off, length})
	return nil
}

// paxSparse makes h the sparse file that the records say it is, if they do.
func (t *TarReader) paxSparse(h *TarHeader, p *paxRecords) error {
	if p.real == nil {
		return nil
	}
	if p.version != "1.0" {
		return h.setPieces(p.pieces, *p.real, t.left)
	}
	// The pieces are in blocks of their own before the data: decimal numbers, a line
	// each, and first how many pieces there are.
	var line []byte
	used := int64(0)
	number := func() (int64, error) {
		line = line[:0]
		for {
			var c [1]byte
			if _, err := io.ReadFull(t, c[:]); err != nil {
				return 0, errors.New("sparse file: no list of pieces")
			}
			used++
			if c[0] == '\n' {
				break
			}
			if line = append(line, c[0]); len(line) > 20 {
				break
			}
		}
		v, err := strconv.ParseInt(string(line), 10, 64)
		if err != nil {
			return 0, errors.New("sparse file: no list of pieces")
		}
		return v, nil
	}
	n, err := number()
	if err == nil && (n < 0 || n > maxPieces) {
		err = fmt.Errorf("sparse file of %d pieces", n)
	}
	var list []TarPiece
	for i := int64(0); i < n && err == nil; i++ {
		var piece TarPiece
		if piece.Off, err = number(); err == nil {
			piece.Len, err = number()
		}
		list = append(list, piece)
	}
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, t, -used&(BlockSize-1)); err != nil {
		return errors.New("sparse file: no list of pieces")
	}
	return h.setPieces(list, *p.real, t.left)
}

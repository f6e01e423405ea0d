package screen

// rect is a part of the terminal.
type rect struct{ x, y, w, h int }

func (r rect) empty() bool { return r.w <= 0 || r.h <= 0 }

// top cuts h rows off and returns them and the rest.
func (r rect) top(h int) (rect, rect) {
	h = max(0, min(h, r.h))
	return rect{r.x, r.y, r.w, h}, rect{r.x, r.y + h, r.w, r.h - h}
}

// left cuts w columns off and returns them and the rest.
func (r rect) left(w int) (rect, rect) {
	w = max(0, min(w, r.w))
	return rect{r.x, r.y, w, r.h}, rect{r.x + w, r.y, r.w - w, r.h}
}

const (
	// guestColumns is how wide a terminal V7 likes.
	guestColumns = 80
	// pictureColumns is the least width of the picture.
	pictureColumns = 40
	// A picture beside the console wants at least so much of the terminal, ...
	besideColumns, besideRows = guestColumns + 1 + pictureColumns, 18
	// ... and one above it this.
	aboveColumns, aboveRows = guestColumns, 22
	// consoleRows is what a picture above leaves to the console.
	consoleRows = 12
	// lightRows is how many rows the processor takes above, and recoveryRows how many a
	// recovery likes.
	lightRows, recoveryRows = 3, 8
)

// plan is how the terminal is divided.
type plan struct {
	title, keys rect // a row each, or empty
	console     rect
	rule        rect // between console and picture
	picture     rect // empty: there is no room, or it is not wanted
	above       bool // the picture is above the console
	cramped     bool // there is no room for the picture
}

// divide divides a terminal of that size.
func divide(w, h int, alone bool) plan {
	var p plan
	all := rect{0, 0, w, h}
	if h >= 4 {
		p.title, all = all.top(1)
		all, p.keys = all.top(all.h - 1)
	}
	p.console = all
	switch {
	case alone:
	case w >= besideColumns && h >= besideRows:
		p.console, all = all.left(guestColumns)
		p.rule, p.picture = all.left(1)
	case w >= aboveColumns && h >= aboveRows:
		p.above = true
		p.picture, all = all.top(max(all.h-1-consoleRows, min(10, all.h/2)))
		p.rule, p.console = all.top(1)
	default:
		p.cramped = true
	}
	return p
}

// recovery returns the plan with a part for a recovery, which covers nothing that the
// console shows.
func (p plan) recovery() (plan, rect) {
	var r rect
	switch {
	case p.picture.empty():
		p.console, r = p.console.top(p.console.h - min(recoveryRows, p.console.h/2))
	case p.above: // where the transactions are
		r = p.picture
		r.x, r.w = r.x+r.w-pictureColumns, pictureColumns
		_, r = r.top(lightRows)
	default:
		p.picture, r = p.picture.top(p.picture.h - recoveryRows)
	}
	return p, r
}

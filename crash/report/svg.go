package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// An ink is a colour by name: a class of the style sheet, which knows what it is on a
// light page, a dark one and paper.
type ink string

// The inks that are not the name of an outcome or of a mode.
const (
	inkText  ink = "text"
	inkMuted ink = "muted"
	inkRule  ink = "rule"
	inkLane  ink = "lane"
	inkSync  ink = "sync"
	inkOp    ink = "op"
)

// canvas is a picture in the making: SVG for a page with a style sheet. Colours are
// classes, and shapes can have titles, which a browser shows at the pointer. Lengths are
// in pixels of the picture's own size, from its top left corner; the page scales them.
type canvas struct {
	width, height float64
	b             strings.Builder
}

// box is an upright rectangle; x0, y0 is its top left corner.
type box struct{ x0, y0, x1, y1 float64 }

// boxes fills rectangles, all with one path.
func (c *canvas) boxes(i ink, class string, bs []box) {
	if len(bs) == 0 {
		return
	}
	if class != "" {
		class = " " + class
	}
	fmt.Fprintf(&c.b, `<path class="f %s%s" d="`, i, class)
	for _, r := range bs {
		w := number(r.x1 - r.x0)
		fmt.Fprintf(&c.b, "M%s %sh%sv%sh-%sz", number(r.x0), number(r.y0), w, number(r.y1-r.y0), w)
	}
	c.b.WriteString("\"/>\n")
}

// line draws a straight line. dash is the lengths of dashes and gaps; empty is none.
func (c *canvas) line(i ink, width float64, dash string, x0, y0, x1, y1 float64) {
	if dash != "" {
		dash = fmt.Sprintf(` stroke-dasharray="%s"`, dash)
	}
	fmt.Fprintf(&c.b, `<path class="s %s" stroke-width="%s"%s d="M%s %sL%s %s"/>`+"\n",
		i, number(width), dash, number(x0), number(y0), number(x1), number(y1))
}

// pointer fills a triangle that points down at a place.
func (c *canvas) pointer(i ink, x, y, size float64) {
	fmt.Fprintf(&c.b, `<path class="f %s" d="M%s %sh%sL%s %sz"/>`+"\n",
		i, number(x-size/2), number(y-size), number(size), number(x), number(y))
}

// align is which part of a text stands at its place.
type align string

const (
	left   align = ""
	middle align = "middle"
	right  align = "end"
)

// text writes a line of text. y is the middle of the height of its digits.
func (c *canvas) text(i ink, size float64, a align, x, y float64, s string) {
	if s == "" {
		return
	}
	anchor := ""
	if a != left {
		anchor = fmt.Sprintf(` text-anchor="%s"`, a)
	}
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s" font-size="%s"%s>%s</text>`+"\n",
		i, number(x), number(y+0.36*size), number(size), anchor, html.EscapeString(printable(s)))
}

// title puts a title over a part of the picture.
func (c *canvas) title(r box, text string) {
	fmt.Fprintf(&c.b, `<rect class="h" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`+"\n",
		number(r.x0), number(r.y0), number(r.x1-r.x0), number(r.y1-r.y0), html.EscapeString(printable(text)))
}

// svg returns the picture. The words stand for it where it cannot be seen.
func (c *canvas) svg(words string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %s %s" role="img" aria-label="%s">`+"\n%s</svg>",
		number(c.width), number(c.height), html.EscapeString(printable(words)), c.b.String()))
}

// number returns a length to a tenth, which is as fine as a screen shows.
func number(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		v = 0 // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// widths are those of Helvetica's printable ASCII characters, in thousandths of its size,
// as Adobe's metrics have them. Arial and Liberation Sans have the same.
var widths = [...]float64{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
	556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
	722, 778,
	667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
	556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
}

// textWidth returns how wide a text is in the page's typeface.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		if r >= ' ' && int(r-' ') < len(widths) {
			w += widths[r-' ']
		} else {
			w += 1000 // few are wider
		}
	}
	return w * size / 1000
}

// printable returns what a guest or a user chose as text that can stand in a page:
// what is not UTF-8 or controls something is replaced.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

package report

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// An ink is a colour by name: a class of the style sheet, which knows what it is on a
// light page, a dark one and paper.
type ink string

// RGBA makes an ink a color.Color for the plot library. What it is depends on the
// page, so no one may ask; black is as good as any.
func (ink) RGBA() (r, g, b, a uint32) { return color.Black.RGBA() }

// The inks that are not the name of an outcome or of a mode.
const (
	inkText  ink = "text"
	inkMuted ink = "muted"
	inkRule  ink = "rule"
	inkLane  ink = "lane"
	inkSync  ink = "sync"
	inkOp    ink = "op"
	inkNone  ink = "none" // not seen; for titles
)

// canvas is a vg.Canvas that writes SVG for a page with a style sheet: colours are
// classes, and shapes can have titles, which a browser shows at the pointer. The
// library's own SVG canvas has neither. One unit is a pixel of the picture's own size.
type canvas struct {
	width, height vg.Length
	b             strings.Builder
	state         []canvasState
}

type canvasState struct {
	ink    ink
	line   vg.Length
	dashes []vg.Length
	groups int
}

func newCanvas(width, height vg.Length) *canvas {
	return &canvas{width: width, height: height, state: []canvasState{{ink: inkText, line: 1}}}
}

var _ vg.CanvasSizer = (*canvas)(nil)

func (c *canvas) Size() (x, y vg.Length) { return c.width, c.height }

func (c *canvas) top() *canvasState { return &c.state[len(c.state)-1] }

func (c *canvas) SetLineWidth(w vg.Length)                    { c.top().line = w }
func (c *canvas) SetLineDash(dashes []vg.Length, _ vg.Length) { c.top().dashes = dashes }

func (c *canvas) SetColor(col color.Color) {
	i, ok := col.(ink)
	if !ok {
		i = inkText
	}
	c.top().ink = i
}

func (c *canvas) group(format string, args ...any) {
	fmt.Fprintf(&c.b, `<g transform="`+format+`">`, args...)
	c.top().groups++
}

func (c *canvas) Rotate(rad float64) {
	c.group("rotate(%s 0 %s)", number(-rad*180/math.Pi), number(c.height.Points()))
}

func (c *canvas) Translate(pt vg.Point) {
	c.group("translate(%s %s)", number(pt.X.Points()), number(-pt.Y.Points()))
}

func (c *canvas) Scale(x, y float64) {
	h := number(c.height.Points())
	c.group("translate(0 %s) scale(%s %s) translate(0 -%s)", h, number(x), number(y), h)
}

func (c *canvas) Push() {
	s := *c.top()
	s.groups = 0
	c.state = append(c.state, s)
}

func (c *canvas) Pop() {
	c.b.WriteString(strings.Repeat("</g>", c.top().groups))
	c.state = c.state[:len(c.state)-1]
}

func (c *canvas) Stroke(p vg.Path) {
	s := c.top()
	if s.line <= 0 || s.ink == inkNone {
		return
	}
	fmt.Fprintf(&c.b, `<path class="s %s"`, s.ink)
	if s.line != 1 {
		fmt.Fprintf(&c.b, ` stroke-width="%s"`, number(s.line.Points()))
	}
	if len(s.dashes) > 0 {
		var d []string
		for _, l := range s.dashes {
			d = append(d, number(l.Points()))
		}
		fmt.Fprintf(&c.b, ` stroke-dasharray="%s"`, strings.Join(d, " "))
	}
	fmt.Fprintf(&c.b, ` d="%s"/>`+"\n", c.path(p))
}

func (c *canvas) Fill(p vg.Path) {
	fmt.Fprintf(&c.b, `<path class="f %s" d="%s"/>`+"\n", c.top().ink, c.path(p))
}

// path returns a path's data. Arcs are full circles, which is what glyphs are made of.
func (c *canvas) path(p vg.Path) string {
	var b strings.Builder
	at := func(pt vg.Point) {
		b.WriteString(number(pt.X.Points()))
		b.WriteByte(' ')
		b.WriteString(number((c.height - pt.Y).Points()))
	}
	for _, e := range p {
		switch e.Type {
		case vg.MoveComp:
			b.WriteByte('M')
			at(e.Pos)
		case vg.LineComp:
			b.WriteByte('L')
			at(e.Pos)
		case vg.CurveComp:
			b.WriteByte("QC"[len(e.Control)-1])
			for _, pt := range e.Control {
				at(pt)
				b.WriteByte(' ')
			}
			at(e.Pos)
		case vg.ArcComp:
			r := number(e.Radius.Points())
			b.WriteByte('M')
			at(vg.Point{X: e.Pos.X - e.Radius, Y: e.Pos.Y})
			for _, x := range []vg.Length{e.Radius, -e.Radius} {
				fmt.Fprintf(&b, "A%s %s 0 0 1 ", r, r)
				at(vg.Point{X: e.Pos.X + x, Y: e.Pos.Y})
			}
		case vg.CloseComp:
			b.WriteByte('Z')
		}
	}
	return b.String()
}

func (c *canvas) FillString(f font.Face, pt vg.Point, text string) {
	if text == "" {
		return
	}
	weight := ""
	if f.Font.Weight > 0 {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s" font-size="%s"%s>%s</text>`+"\n", c.top().ink,
		number(pt.X.Points()), number((c.height - pt.Y).Points()), number(f.Font.Size.Points()), weight, html.EscapeString(printable(text)))
}

// DrawImage does nothing: no picture here has an image in it.
func (c *canvas) DrawImage(vg.Rectangle, image.Image) {}

// boxes fills rectangles, all with one path.
func (c *canvas) boxes(i ink, class string, rs []vg.Rectangle) {
	if len(rs) == 0 {
		return
	}
	if class != "" {
		class = " " + class
	}
	fmt.Fprintf(&c.b, `<path class="f %s%s" d="`, i, class)
	for _, r := range rs {
		w := number((r.Max.X - r.Min.X).Points())
		fmt.Fprintf(&c.b, "M%s %sh%sv%sh-%sz", number(r.Min.X.Points()), number((c.height - r.Max.Y).Points()), w,
			number((r.Max.Y - r.Min.Y).Points()), w)
	}
	c.b.WriteString("\"/>\n")
}

// title puts a title over a part of the picture.
func (c *canvas) title(r vg.Rectangle, text string) {
	fmt.Fprintf(&c.b, `<rect class="h" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`+"\n",
		number(r.Min.X.Points()), number((c.height - r.Max.Y).Points()), number((r.Max.X - r.Min.X).Points()),
		number((r.Max.Y - r.Min.Y).Points()), html.EscapeString(printable(text)))
}

// svg returns the picture. The words stand for it where it cannot be seen.
func (c *canvas) svg(words string) string {
	return fmt.Sprintf(`<svg viewBox="0 0 %s %s" role="img" aria-label="%s">`+"\n%s</svg>", number(c.width.Points()), number(c.height.Points()),
		html.EscapeString(printable(words)), c.b.String())
}

// number returns a length to a tenth, which is as fine as a screen shows.
func number(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		v = 0 // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
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

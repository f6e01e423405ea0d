package report

import "math"

// Sizes in the pictures, in pixels of their own size.
const (
	wide      = 1200 // width of a picture as wide as the page
	half      = 590  // of one of two beside each other
	labelSize = 15
	smallSize = 13
)

// tick is a label at a place on an axis.
type tick struct {
	at    float64
	label string
}

// plot is a picture with axes: what it shows is drawn in area, by x and y.
type plot struct {
	canvas
	area box
	// What is at the edges of area, as axes have it: left, right, top, bottom.
	x0, x1, y0, y1 float64
}

// frame says what is around a picture's area.
type frame struct {
	rows  []tick // labels at the left
	small bool   // they are numbers
	cols  []tick // labels below
	label string // below those
}

// newPlot returns a picture with room for its labels, and draws them.
func newPlot(width, height, x0, x1, y0, y1 float64, f frame) *plot {
	p := &plot{canvas: canvas{width: width, height: height}, x0: x0, x1: x1, y0: y0, y1: y1}
	size, i := float64(labelSize), inkText
	if f.small {
		size, i = smallSize, inkMuted
	}
	room := 0.0
	for _, t := range f.rows {
		room = max(room, textWidth(printable(t.label), size))
	}
	// At the right half a label of the axis stands out, or the end of a bar.
	p.area = box{room + 10, 4, width - 24, height - 30}
	if f.label != "" {
		p.area.y1 -= 20
		p.text(inkMuted, smallSize, middle, (p.area.x0+p.area.x1)/2, height-10, f.label)
	}
	for _, t := range f.rows {
		p.text(i, size, right, p.area.x0-8, p.y(t.at), t.label)
	}
	for _, t := range f.cols {
		p.text(inkMuted, smallSize, middle, p.x(t.at), p.area.y1+16, t.label)
	}
	return p
}

// x returns where in the picture a value of the axis is.
func (p *plot) x(v float64) float64 {
	return p.area.x0 + (v-p.x0)/(p.x1-p.x0)*(p.area.x1-p.area.x0)
}

// y likewise.
func (p *plot) y(v float64) float64 {
	return p.area.y0 + (v-p.y0)/(p.y1-p.y0)*(p.area.y1-p.area.y0)
}

// base draws the axis below, with a mark at each of the ticks.
func (p *plot) base(ticks []tick) {
	p.line(inkRule, 1, "", p.area.x0, p.area.y1, p.area.x1, p.area.y1)
	for _, t := range ticks {
		p.line(inkRule, 1, "", p.x(t.at), p.area.y1, p.x(t.at), p.area.y1+5)
	}
}

// uprights draws faint lines at values of the axis below.
func (p *plot) uprights(ticks []tick) {
	for _, t := range ticks {
		p.line(inkRule, 0.5, "", p.x(t.at), p.area.y0, p.x(t.at), p.area.y1)
	}
}

// levels draws faint lines at values of the axis at the left.
func (p *plot) levels(ticks []tick) {
	for _, t := range ticks {
		p.line(inkRule, 0.5, "", p.area.x0, p.y(t.at), p.area.x1, p.y(t.at))
	}
}

// series is a set of bars of one colour.
type series struct {
	ink    ink
	values []float64
	labels []string // at the end of each bar; nil: none
	titles []string // at the pointer; nil: none
}

// bar draws the bar with number j of a series.
func (p *plot) bar(s series, j int, b box) {
	if b.x1 > b.x0 && b.y1 > b.y0 {
		p.boxes(s.ink, "", []box{b})
	}
	if s.labels != nil && s.labels[j] != "" {
		p.text(inkText, smallSize-1, left, b.x1+6, (b.y0+b.y1)/2, s.labels[j])
	}
	if s.titles != nil && s.titles[j] != "" && s.values[j] > 0 {
		p.title(b, s.titles[j])
	}
}

// between is the part of a bar's thickness that lies between two bars of a group.
const between = 0.12

// lying draws groups of bars from the left, with a bar of each series, of a thickness in
// pixels. Group j is at j on the axis at the left.
func (p *plot) lying(ss []series, thick float64) {
	for i, s := range ss {
		for j, v := range s.values {
			mid := p.y(float64(j)) + thick*(1+between)*(float64(i)-float64(len(ss)-1)/2)
			p.bar(s, j, box{p.x(0), mid - thick/2, p.x(v), mid + thick/2})
		}
	}
}

// standing draws groups of bars from below. Group j is at j on the axis below.
func (p *plot) standing(ss []series, thick float64) {
	for i, s := range ss {
		for j, v := range s.values {
			mid := p.x(float64(j)) + thick*(1+between)*(float64(i)-float64(len(ss)-1)/2)
			p.bar(s, j, box{mid - thick/2, p.y(v), mid + thick/2, p.y(0)})
		}
	}
}

// stacked draws one bar from the left for each row, with the series behind each other.
func (p *plot) stacked(ss []series, thick float64) {
	for j := range ss[0].values {
		mid, at := p.y(float64(j)), 0.0
		for _, s := range ss {
			p.bar(s, j, box{p.x(at), mid - thick/2, p.x(at + s.values[j]), mid + thick/2})
			at += s.values[j]
		}
	}
}

// niceStep returns a step of 1, 2 or 5 times a power of ten that divides a range into
// at most n.
func niceStep(length float64, n int) float64 {
	if length <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(length/float64(n))))
	for _, f := range []float64{1, 2, 5} {
		if length/(base*f) <= float64(n) {
			return base * f
		}
	}
	return base * 10
}

// valueTicks returns ticks from zero.
func valueTicks(limit float64, n int, label func(float64) string) []tick {
	var ts []tick
	step := niceStep(limit, n)
	for i := 0; float64(i)*step <= limit*(1+1e-9); i++ {
		v := float64(i) * step
		ts = append(ts, tick{v, label(v)})
	}
	return ts
}

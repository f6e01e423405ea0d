package report

import (
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes in the pictures, in pixels of their own size. The page scales them.
const (
	wide      = 1200 // width of a picture as wide as the page
	half      = 590  // of one of two beside each other
	labelSize = 15
	smallSize = 13
)

// textStyle returns a style of the typeface that every system has one of the same
// widths of: Liberation Sans, Arial, Helvetica, Arimo.
func textStyle(size vg.Length, i ink, x text.XAlignment, y text.YAlignment) text.Style {
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
	return text.Style{Color: i, Font: f, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// newPlot returns a plot without data in the manner of this report.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.LineStyle.Color, a.LineStyle.Width = inkRule, 1
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = 5
		a.Padding = 4
		a.Label.TextStyle = textStyle(smallSize, inkMuted, text.XCenter, text.YBottom)
		a.Label.Padding = 6
	}
	p.X.Tick.Label = textStyle(smallSize, inkMuted, text.XCenter, text.YTop)
	p.Y.Tick.Label = textStyle(labelSize, inkText, text.XRight, text.YCenter)
	return p
}

// render draws a plot. The words stand for the picture where it cannot be seen.
func render(p *plot.Plot, width, height vg.Length, words string) template.HTML {
	c := newCanvas(width, height)
	// Room for what stands out at the right: half a label of a tick, the end of a bar.
	p.Draw(draw.Crop(draw.NewCanvas(c, width, height), 0, -24, 2, -2))
	return template.HTML(c.svg(words))
}

// svgOf returns the canvas under a drawing, which the library wraps where it crops.
func svgOf(c draw.Canvas) *canvas {
	for {
		switch under := c.Canvas.(type) {
		case *canvas:
			return under
		case draw.Canvas:
			c = under
		default:
			panic("report: drawing on a canvas that is not ours")
		}
	}
}

// series is a set of bars of one colour.
type series struct {
	ink    ink
	values []float64
	labels []string // at the end of each bar; nil: none
	titles []string // at the pointer; nil: none
}

// bars is a plotter of bars in groups, or stacked, upon the library's charts.
type bars struct {
	series []series
	charts []*plotter.BarChart
}

// newBars returns bars of a width each. Horizontal ones have their categories from the
// top downwards at 0, -1, -2.
func newBars(ss []series, width vg.Length, horizontal, stacked bool) (*bars, error) {
	b := &bars{series: ss}
	for i, s := range ss {
		values := make(plotter.Values, len(s.values))
		for j, v := range s.values {
			at := j
			if horizontal {
				at = len(values) - 1 - j
			}
			values[at] = v
		}
		c, err := plotter.NewBarChart(values, width)
		if err != nil {
			return nil, err
		}
		c.Color, c.Horizontal = s.ink, horizontal
		c.LineStyle.Width = 0
		if horizontal {
			c.XMin = -float64(len(values) - 1)
		}
		switch {
		case stacked && i > 0:
			c.StackOn(b.charts[i-1])
		case !stacked:
			c.Offset = width * vg.Length(float64(i)-float64(len(ss)-1)/2) * 1.12
			if horizontal {
				c.Offset = -c.Offset
			}
		}
		b.charts = append(b.charts, c)
	}
	return b, nil
}

// Plot implements plot.Plotter.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	for i, chart := range b.charts {
		chart.Plot(c, p)
		s, n := b.series[i], len(chart.Values)
		for j := range n {
			at := j
			if chart.Horizontal {
				at = n - 1 - j
			}
			r := b.rectangle(c, p, chart, at)
			if s.labels != nil && s.labels[j] != "" {
				pt, style := vg.Point{X: r.Max.X + 6, Y: (r.Min.Y + r.Max.Y) / 2}, textStyle(smallSize-1, inkText, text.XLeft, text.YCenter)
				if !chart.Horizontal {
					pt, style = vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: r.Max.Y + 4}, textStyle(smallSize-1, inkText, text.XCenter, text.YBottom)
				} else {
					pt.Y += style.FontExtents().Descent
				}
				c.FillText(style, pt, s.labels[j])
			}
			if s.titles != nil && s.titles[j] != "" && chart.Values[at] > 0 {
				svgOf(c).title(r, s.titles[j])
			}
		}
	}
}

// rectangle returns where the library draws a bar.
func (b *bars) rectangle(c draw.Canvas, p *plot.Plot, chart *plotter.BarChart, at int) vg.Rectangle {
	x, y := p.Transforms(&c)
	end := chart.BarHeight(at)
	begin := end - chart.Values[at]
	category := chart.XMin + float64(at)
	if chart.Horizontal {
		mid := y(category) + chart.Offset
		return vg.Rectangle{Min: vg.Point{X: x(begin), Y: mid - chart.Width/2}, Max: vg.Point{X: x(end), Y: mid + chart.Width/2}}
	}
	mid := x(category) + chart.Offset
	return vg.Rectangle{Min: vg.Point{X: mid - chart.Width/2, Y: y(begin)}, Max: vg.Point{X: mid + chart.Width/2, Y: y(end)}}
}

// grid draws faint lines at the ticks of one axis.
func grid(p *plot.Plot, vertical bool) *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = nil, nil
	line := draw.LineStyle{Color: inkRule, Width: 0.5}
	if vertical {
		g.Vertical = line
	} else {
		g.Horizontal = line
	}
	return g
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
func valueTicks(limit float64, n int, label func(float64) string) plot.ConstantTicks {
	var ts plot.ConstantTicks
	step := niceStep(limit, n)
	for i := 0; float64(i)*step <= limit*(1+1e-9); i++ {
		v := float64(i) * step
		ts = append(ts, plot.Tick{Value: v, Label: label(v)})
	}
	return ts
}

package asm

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func words(b []byte) []uint16 {
	var w []uint16
	for i := 0; i+1 < len(b); i += 2 {
		w = append(w, uint16(b[i])|uint16(b[i+1])<<8)
	}
	return w
}

// Expected words are worked out by hand from the processor handbook.
func TestAssembleWords(t *testing.T) {
	tests := []struct {
		name, src string
		want      []uint16
	}{
		{"addressing", `
	clr r1; clr (r1); clr *r1; clr (r1)+; clr *(r1)+; clr -(r1); clr *-(r1)
	clr 4(r1); clr *4(r1); clr *(r1); clr *$4`, []uint16{
			0o5001, 0o5011, 0o5011, 0o5021, 0o5031, 0o5041, 0o5051,
			0o5061, 4, 0o5071, 4, 0o5071, 0, 0o5037, 4}},
		{"relative", "x: mov x,y; y: mov *x,*y", []uint16{
			0o016767, 0o177774, 0, // x at 1000: 1000-1004, y=1006: 1006-1006
			0o017777, 0o177766, 0o177772}}, // at 1006: 1000-1012, 1006-1014
		{"immediate", "mov $1,r0; movb $'a,r1; mov $\"ab,r2; cmp $10.,$-1", []uint16{
			0o012700, 1, 0o112701, 'a', 0o012702, 'a' | 'b'<<8, 0o022727, 10, 0o177777}},
		{"escapes", `mov $'\n,r0; mov $'\\,r0; mov $'/,r0`, []uint16{
			0o012700, 10, 0o012700, '\\', 0o012700, '/'}},
		{"branches", "1: br 1b; br 1f; 1: bhis 1b; blo 1b; bes 1b; bec 1b; sob r3,1b", []uint16{
			0o777, 0o400, 0o103377, 0o103776, 0o103775, 0o103374, 0o77305}},
		{"registers", "jsr r5,(r2); rts r5; xor r1,(sp)+; mul $3,r0; div r1,r2; ash $-1,r0; ashc r4,r2", []uint16{
			0o4512, 0o205, 0o74126, 0o70027, 3, 0o71201, 0o72027, 0o177777, 0o73204}},
		{"old names", "mpy r1,r2; dvd r1,r2; als r1,r2; alsc r1,r2", []uint16{0o70201, 0o71201, 0o72201, 0o73201}},
		{"traps", "emt 5; sys 5; trap 377; spl 7; mark 3; iot; bpt; rti; rtt", []uint16{
			0o104005, 0o104405, 0o104777, 0o237, 0o6403, 4, 3, 2, 6}},
		{"conditions", "clc; clc|clv; sez|sen; ccc; scc; nop", []uint16{0o241, 0o243, 0o274, 0o257, 0o277, 0o240}},
		{"spaces", "mfpi (r1); mtpi r2; mfpd sp; mtpd -(sp); sxt r0", []uint16{0o6511, 0o6602, 0o106506, 0o106646, 0o6700}},
		{"floating", `
	setd; setf; seti; setl; cfcc; ldfps $200; stfps r0; stst (r0)
	movf (r0)+,fr1; movf fr1,(r0)+; movf fr1,fr2; movf fr5,fr2; ldf fr1,fr2; clrf fr5; negf -(r1)
	movif r4,fr3; movfi fr3,r4; movof (r1),fr0; movfo fr0,(r1); movie $5,fr1; movei fr1,r0
	addf fr4,fr0; cmpf $40200,fr0; modf fr1,fr2`, []uint16{
			0o170011, 0o170001, 0o170002, 0o170012, 0o170000, 0o170127, 0o200, 0o170200, 0o170310,
			0o172520, 0o174120, 0o174102, 0o172605, 0o172601, 0o170405, 0o170741,
			0o177304, 0o175704, 0o177411, 0o176011, 0o176527, 5, 0o175100,
			0o172004, 0o173427, 0o40200, 0o171601}},
		{"expressions", `
	a = 3
	a+2*4; [a+1]\>1; 17&6|1; a-5; !a; 7%4; 20\/3; 1\<4; -1; -a+1; a*-1; 8; '0-1; 5^a`, []uint16{
			0o24, 2, 7, 0o177776, 0o177774, 3, 5, 0o20, 0o177777, 0o177776, 0o177775, 8, 0o57, 5}},
		{"register names", "u = r4; mov u,(u)+; clr r0+3", []uint16{0o10424, 0o5003}},
		{"keyword made by value", "foo = 106500^tst; foo (r1)", []uint16{0o106511}},
		{"dot", ".+2; . = .+2; .; .=1020; .", []uint16{0o1002, 0, 0o1004, 0, 0, 0, 0, 0, 0o1020}},
		{"bytes", ".byte 1,'a,-1; .even; <ab\\n>; .byte 0; 5", []uint16{
			1 | 'a'<<8, 0o377, 'a' | 'b'<<8, 10, 5}},
		{"conditional", ".if 1; 1; .if 0; 2; .if 1; 3; .endif; x: 4; .endif; 5; .endif; x: 6", []uint16{1, 5, 6}},
		{"own use of a predefined name", "trap: br trap", []uint16{0o777}},
		{"assignment in sequence", "x=1; x; x=x+1; x", []uint16{1, 2}},
		{"label ahead in assignment", "x = y+2; x; y:", []uint16{0o1004}},
		{"jbr short", "jbr 1f; jeq 1f; 1:", []uint16{0o401, 0o1400}},
		{"operand of a number", "spl = 230; spl 7", []uint16{0o237}},
		{"addresses in full", "777560; 17777560", []uint16{0o177560, 0o177560}},
		{"common", "a; b; .comm b,3; .comm a,2; .bss; .=.+2", []uint16{0o1012, 0o1006}},
		{"comment", "1 / 2\n/ 3 ; 4\n5;;6 / <", []uint16{1, 5, 6}},
		{"no newline at the end", "1", []uint16{1}},
	}
	for _, tt := range tests {
		p, err := AssembleString("t.s", tt.src, Options{Origin: 0o1000})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := words(p.Text); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %06o\nwant %06o", tt.name, got, tt.want)
		}
	}
}

func TestLongJumps(t *testing.T) {
	// 254 bytes ahead of a branch at 0 is the end of its reach: the first jeq fits
	// exactly when the second stays short.
	for _, tt := range []struct {
		fill int
		want []uint16
	}{
		{0o376, []uint16{0o1577}},
		{0o400, []uint16{0o1002, 0o137, 0o406}},
	} {
		src := fmt.Sprintf("jeq 1f; .=.+%o; 1:", tt.fill)
		p, err := AssembleString("t", src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := words(p.Text)[:len(tt.want)]; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %06o, want %06o", src, got, tt.want)
		}
	}
	p, err := AssembleString("t", "1: .=.+1000; jbr 1b; jlos 1b", Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []uint16{0o137, 0, 0o101002, 0o137, 0}
	if got := words(p.Text)[0o400:]; !reflect.DeepEqual(got, want) {
		t.Errorf("backward: %06o, want %06o", got, want)
	}
	// Each jump's length depends on the next one's.
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "jeq l%d\n", i)
	}
	b.WriteString(".=.+200\n")
	for i := range 200 {
		fmt.Fprintf(&b, "l%d: nop\n", i)
	}
	p, err = AssembleString("t", b.String(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Follow each jump in the result.
	w := words(p.Text)
	pc := 0
	for i := range 200 {
		var target int
		if w[pc]>>8 == 0o1400>>8 {
			target = pc + 1 + int(int8(w[pc]))
			pc++
		} else if w[pc] == 0o1002 && w[pc+1] == 0o137 {
			target = int(w[pc+2]) / 2
			pc += 3
		} else {
			t.Fatalf("jump %d: %06o", i, w[pc])
		}
		if v, _ := p.Lookup(fmt.Sprintf("l%d", i)); int(v) != 2*target {
			t.Fatalf("jump %d goes to %o, want %o", i, 2*target, v)
		}
	}
}

func TestSegments(t *testing.T) {
	src := `
	.globl	start
start:	mov	d,r0
	.byte	1
	.data
d:	.byte 7
	.bss
b:	.=.+3
c:	.=.+2
	.text
	c
	.data
	e: start
`
	for _, tt := range []struct {
		layout      Layout
		d, bss      uint16
		relative    uint16
		dataOffset  int
		imageLength int
	}{
		// text: 0..11 octal (mov 4, .byte 1, pad, word 2) = 8 bytes
		{Contiguous, 0o1010, 0o1014, 0o1010 - 0o1004, 8, 12},
		{Shared, 0o20000, 0o20004, 0o20000 - 0o1004, 0o17000, 0o17004},
		{Split, 0, 4, 0o177774 - 0o1000, 0, 0},
	} {
		p, err := AssembleString("t", src, Options{Origin: 0o1000, Layout: tt.layout})
		if err != nil {
			t.Fatal(err)
		}
		if p.DataBase != tt.d || p.BSSBase != tt.bss || p.BSSSize != 6 {
			t.Errorf("%o: data %o bss %o size %d", tt.layout, p.DataBase, p.BSSBase, p.BSSSize)
		}
		wantText := []uint16{0o016700, tt.relative, 1, tt.bss + 3}
		if got := words(p.Text); !reflect.DeepEqual(got, wantText) {
			t.Errorf("%o: text %06o, want %06o", tt.layout, got, wantText)
		}
		if got := words(p.Data); !reflect.DeepEqual(got, []uint16{7, 0o1000}) {
			t.Errorf("%o: data %06o", tt.layout, got)
		}
		wantSyms := []Symbol{
			{"start", SymText, true, 0o1000}, {"d", SymData, false, tt.d},
			{"b", SymBSS, false, tt.bss}, {"c", SymBSS, false, tt.bss + 3}, {"e", SymData, false, tt.d + 2}}
		if !reflect.DeepEqual(p.Symbols, wantSyms) {
			t.Errorf("%o: symbols %v, want %v", tt.layout, p.Symbols, wantSyms)
		}
		image, err := p.Image()
		if tt.layout == Split {
			if err == nil {
				t.Error("flat image of a split program")
			}
			continue
		}
		if err != nil || len(image) != tt.imageLength || image[tt.dataOffset] != 7 {
			t.Errorf("%o: image of %d bytes, %v", tt.layout, len(image), err)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct{ src, want string }{
		{"mov r0", `t.s:1: "," expected, not end of statement`},
		{"\nfoo", `t.s:2: "foo" is not defined`},
		{"x:\nx:", `t.s:2: "x" is defined twice`},
		{"x:\nx=1", `t.s:2: "x" is defined twice`},
		{"1: .=.+1000; br 1b", "t.s:1: branch target 0 is odd or too far from 01000"},
		{"br 1", "t.s:1: branch target 1 is odd or too far from 0"},
		{"sob r0,.+4", "t.s:1: sob target 4 is odd, ahead, or too far from 0"},
		{"clr 5(6)", "t.s:1: register expected"},
		{"mul r0,fr0+10", "t.s:1: register number 010 is more than 7"},
		{"movf (r0),fr4", "t.s:1: register number 4 is more than 3"},
		{"clrf pc", "t.s:1: there is no floating accumulator 7"},
		{"spl 10", "t.s:1: 010 is more than 7"},
		{".byte 400", "t.s:1: 0400 does not fit in a byte"},
		{".byte 1; 5", "t.s:1: word at an odd address; use .even"},
		{"<abc", `t.s:1: string without closing ">"`},
		{"\"a", "t.s:1: character missing at end of line"},
		{"19", "t.s:1: 19: 8 or 9 in an octal number; decimal numbers end in a point"},
		{"777777; 1000000", "t.s:1: number 1000000 does not fit in 16 bits"},
		{"200000", "t.s:1: number 200000 does not fit in 16 bits"},
		{"65536.", "t.s:1: number 65536 does not fit in 16 bits"},
		{"12ab", `t.s:1: bad number "12a"`},
		{"mov #5,r0", "t.s:1: unexpected character '#'"},
		{"clr r0 r1", `t.s:1: unexpected "r1"`},
		{"1\\/0", "t.s:1: division by zero"},
		{"[1", `t.s:1: "]" expected, not end of statement`},
		{"br 2f", `t.s:1: "2f" is not defined`},
		{"22: br 2b", "t.s:1: a numeric label is one digit"},
		{".=x; x:", `t.s:1: "x" is used before its definition`},
		{"x=y; y=1", `t.s:1: "y" is used before its definition`},
		{"5; .=0", "t.s:1: \".\" cannot go back from 2 to 0"},
		{".=.+177776; 1; 2", "t.s:1: past the end of the address space"},
		{".data;.=.+177776; 1; 2", "t.s:1: past the end of the address space"},
		{".bss; 1", "t.s:1: nothing but space can be put into bss"},
		{".if 0\n", "t.s:2: .if without .endif"},
		{".endif", "t.s:1: .endif without .if"},
		{".globl 5", "t.s:1: name expected, not number 5"},
		{".globl x; x", `t.s:1: "x" is not defined`},
		{strings.Repeat("[", 1000), "t.s:1: expression nested too deep"},
		{"x = z-x0; x0: .=.+[z&2]; z:", `t.s:1: "z" is used before its definition`},
	}
	for _, tt := range tests {
		_, err := AssembleString("t.s", tt.src, Options{})
		if err == nil {
			t.Errorf("%q: no error, want %q", tt.src, tt.want)
			continue
		}
		if got := strings.Split(err.Error(), "\n")[0]; got != tt.want {
			t.Errorf("%q: %q, want %q", tt.src, got, tt.want)
		}
	}
}

func TestAllErrorsInOrder(t *testing.T) {
	_, err := Assemble(Options{}, File{"a", "foo\n<\nclr r1 5\n"}, File{"b", "bar"})
	var list ErrorList
	if !errors.As(err, &list) {
		t.Fatalf("%T", err)
	}
	want := `a:1: "foo" is not defined
a:2: string without closing ">"
a:3: unexpected number 5
b:1: "bar" is not defined`
	if list.Error() != want {
		t.Errorf("%v\nwant\n%s", list, want)
	}
	_, err = AssembleString("a", strings.Repeat("foo\n", 1000), Options{})
	if !errors.As(err, &list) || len(list) != maxErrors {
		t.Errorf("%d errors, want %d", len(list), maxErrors)
	}
}

func TestListing(t *testing.T) {
	src := "start:\tmov $5,*$177560 / comment\n\n\tbr start; 1; 2\n\t.byte 3\n"
	p, err := AssembleString("t", src, Options{Origin: 0o1000})
	if err != nil {
		t.Fatal(err)
	}
	want := "001000  012737 000005 177560  start:\tmov $5,*$177560 / comment\n" +
		"\n" +
		"001006  000774                \tbr start; 1; 2\n" +
		"001010  000001\n" +
		"001012  000002\n" +
		"001014     003                \t.byte 3\n"
	if got := p.Listing(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOriginSymbol(t *testing.T) {
	p, err := AssembleString("t", ".. = 157000\nstart: jmp *$start", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.TextBase != 0o157000 || words(p.Text)[1] != 0o157000 {
		t.Errorf("base %o, words %o", p.TextBase, words(p.Text))
	}
	if _, err := AssembleString("t", "1", Options{Origin: 1}); err == nil {
		t.Error("odd origin accepted")
	}
}

func FuzzAssemble(f *testing.F) {
	for _, s := range []string{
		"mov $5,r0\n1: br 1b\n", ".data; x: .=.+5; .bss; y: .=.+[x-y]", "jeq 1f; .=.+400; 1:",
		".if x; .endif; x=1", "<ab\\n>; .byte 'a, 5; .even", "movf fr0,*-(r1); foo=5^tst; foo (r1)+",
		".. = 177770; .data; 1;2;3;4", "x = y; y: .=x", "clr *4(pc); mul $\"ab,r2 / c",
	} {
		f.Add(s, uint16(0o1000), uint16(Split))
	}
	f.Fuzz(func(t *testing.T, src string, origin, layout uint16) {
		if len(src) > 1<<12 {
			return
		}
		l := []Layout{Contiguous, Shared, Split}[layout%3]
		p, err := AssembleString("t.s", src, Options{Origin: origin, Layout: l})
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatal("an error with a program, or without text")
			}
			return
		}
		if len(p.Text)&1|len(p.Data)&1|p.BSSSize&1 != 0 {
			t.Fatal("odd segment")
		}
		if int(p.TextBase)+len(p.Text) > 1<<16 || int(p.DataBase)+len(p.Data) > 1<<16 {
			t.Fatal("segment past the top")
		}
		p.Listing()
		if image, err := p.Image(); err == nil {
			q, err := ParseLDA(p.LDA(p.TextBase).Bytes())
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(image))
			for _, b := range q.Blocks {
				copy(got[int(b.Addr)-int(p.TextBase):], b.Data)
			}
			if string(got) != string(image) {
				t.Fatal("tape differs from image")
			}
		}
	})
}

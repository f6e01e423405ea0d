/ stty: how the terminal is set. echo, raw, cbreak, nl, each with - before it for the
/ contrary; `erase c' and `kill c' choose the characters that edit a line, ^x stands for
/ control-x. Words that V7's stty knows and that nothing depends on here are accepted. It
/ is the terminal of the standard output.

	.text
main:
	mov	$1,r0
	sys	gtty; buf
	jcs	bad
	tst	r4
	jeq	show
next:
	mov	(r5)+,r3		/ r3: the word
	dec	r4
	mov	$werase,r1
	jsr	pc,same
	beq	1f
	mov	$wkill,r1
	jsr	pc,same
	bne	word
	mov	$bufkill,r2
	br	2f
1:
	mov	$buferas,r2
2:
	tst	r4			/ which character?
	beq	unknown
	mov	(r5)+,r1
	dec	r4
	movb	(r1)+,r0
	cmp	r0,$'^
	bne	3f
	tstb	(r1)
	beq	3f
	movb	(r1),r0
	bic	$!37,r0
3:
	movb	r0,(r2)
	br	more

/ A mode: set some flags and clear others, or with - the other way round.
word:
	clr	r0
	cmpb	(r3),$'-
	bne	1f
	inc	r0
	inc	r3
1:
	mov	r0,contrary
	mov	$modes,r2
2:
	mov	(r2)+,r1
	beq	ignored
	jsr	pc,same
	beq	3f
	cmp	(r2)+,(r2)+
	br	2b
3:
	mov	(r2)+,r0
	mov	(r2),r1
	tst	contrary
	beq	4f
	mov	r0,r1
	mov	(r2),r0
4:
	bic	r1,flags
	bis	r0,flags
	br	more
ignored:
	mov	$others,r2
1:
	mov	(r2)+,r1
	beq	unknown
	jsr	pc,same
	bne	1b
more:
	tst	r4
	bne	next
	mov	$1,r0
	sys	stty; buf
	rts	pc
unknown:
	mov	$what,r0
	mov	r3,r1
	jmp	complain

same:				/ Z: the word is the string r1
	mov	r3,r0
	jmp	strcmp

show:
	mov	$werase,r0
	jsr	pc,puts
	movb	buferas,r2
	jsr	pc,showc
	mov	$wkill,r0
	jsr	pc,puts
	movb	bufkill,r2
	jsr	pc,showc
	mov	$modes,r2
1:
	mov	(r2)+,r3
	beq	9f
	mov	flags,r0		/ set, or clear if it is one that clears
	mov	(r2)+,r1
	bis	(r2),r1
	mov	(r2)+,r5
	xor	r5,r0
	bit	r1,r0
	bne	2f
	mov	$'-,r0
	jsr	pc,putc
2:
	mov	r3,r0
	jsr	pc,puts
	jsr	pc,space
	br	1b
9:
	jmp	newline
showc:				/ the character r2
	jsr	pc,space
	cmp	r2,$40
	bhis	1f
	mov	$'^,r0
	jsr	pc,putc
	bis	$100,r2
1:
	mov	r2,r0
	jsr	pc,putc
	jmp	space
bad:
	mov	r0,errno
	mov	$output,r0
	mov	$empty,r1
	jmp	complain
	.data
modes:	mecho; 10; 0
	mraw; 40; 0
	mcbreak; 2; 0
	mnl; 0; 20
	0
others:	olcase; otabs; oeven; oodd; ocr0; onl0; off0; obs0; 0
mecho:	<echo\0>
mraw:	<raw\0>
mcbreak: <cbreak\0>
mnl:	<nl\0>
werase:	<erase\0>
wkill:	<kill\0>
olcase:	<lcase\0>
otabs:	<tabs\0>
oeven:	<even\0>
oodd:	<odd\0>
ocr0:	<cr0\0>
onl0:	<nl0\0>
off0:	<ff0\0>
obs0:	<bs0\0>
what:	<unknown mode: \0>
output:	<standard output\0>
empty:	<\0>
	.even
	.bss
contrary: .=.+2
buf:	.=.+2		/ speeds
buferas: .=.+1
bufkill: .=.+1
flags:	.=.+2

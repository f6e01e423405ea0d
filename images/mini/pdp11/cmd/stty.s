/ stty: how the terminal is set; echo, raw, cbreak, nl, each with - before it for the
/ contrary. It is the terminal of the standard output.

	.text
main:
	mov	$1,r0
	sys	gtty; buf
	bcs	bad
	tst	r4
	beq	show
1:
	mov	(r5)+,r0
	clr	r3
	cmpb	(r0),$'-
	bne	2f
	inc	r3
	inc	r0
2:
	mov	$modes,r2
3:
	mov	(r2)+,r1
	beq	5f
	mov	r0,-(sp)
	jsr	pc,strcmp
	beq	4f
	mov	(sp)+,r0
	tst	(r2)+
	br	3b
4:
	mov	(sp)+,r0
	bis	(r2),buf+4
	tst	r3
	beq	5f
	bic	(r2),buf+4
5:
	sob	r4,1b
	mov	$1,r0
	sys	stty; buf
	rts	pc
show:
	mov	$modes,r2
1:
	mov	(r2)+,r3
	beq	9f
	bit	(r2)+,buf+4
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
bad:
	mov	r0,errno
	mov	$empty,r0
	mov	$empty,r1
	jmp	complain
	.data
modes:	mecho; 10
	mraw; 40
	mcbreak; 2
	mcr; 20
	0
mecho:	<echo\0>
mraw:	<raw\0>
mcbreak: <cbreak\0>
mcr:	<crmod\0>
empty:	<\0>
	.even
	.bss
buf:	.=.+6

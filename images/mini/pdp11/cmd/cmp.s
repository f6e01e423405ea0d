/ cmp: are two files the same?
	.text
main:
	cmp	r4,$2
	bne	usage
	mov	(r5),r0
	jsr	pc,opened
	mov	r0,r3
	mov	2(r5),r0
	jsr	pc,opened
	mov	r0,r4
1:
	mov	r3,r0
	sys	read; buf1; 512.
	bcs	8f
	mov	r0,r2
	mov	r4,r0
	sys	read; buf2; 512.
	bcs	8f
	cmp	r0,r2
	bne	8f
	tst	r0
	beq	9f
	mov	$buf1,r0
	mov	$buf2,r1
2:
	cmpb	(r0)+,(r1)+
	bne	8f
	sob	r2,2b
	br	1b
8:
	mov	$differ,r0
	mov	(r5),r1
	jmp	complain
9:
	rts	pc
opened:
	mov	r0,opname
	sys	0; opcall
	bcc	9b
	mov	r0,errno
	mov	$cannot,r0
	mov	opname,r1
	jsr	pc,complain
	jmp	leave
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain
	.data
opcall:	sys open
opname:	0; 0
usagem:	<usage: cmp file file\0>
differ:	<they differ: \0>
cannot:	<cannot open \0>
empty:	<\0>
	.even
	.bss
buf1:	.=.+512.
buf2:	.=.+512.

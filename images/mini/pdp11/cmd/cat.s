/ cat: the files one after the other; the standard input without arguments or for -.
	.text
main:
	tst	r4
	beq	stdin
1:
	mov	(r5)+,r0
	cmpb	(r0),$'-
	bne	2f
	tstb	1(r0)
	bne	2f
	clr	r3
	jsr	pc,copy
	br	4f
2:
	mov	r0,name
	sys	0; opencall
	bcc	3f
	mov	r0,errno
	mov	$cannot,r0
	mov	name,r1
	jsr	pc,complain
	br	4f
3:
	mov	r0,r3
	jsr	pc,copy
	mov	r3,r0
	sys	close
4:
	sob	r4,1b
	rts	pc
stdin:
	clr	r3
copy:				/ from descriptor r3
	mov	r3,r0
	sys	read; buf; 512.
	bcs	1f
	mov	r0,count
	beq	2f
	mov	$1,r0
	sys	0; writecall
	bcc	copy
	mov	r0,errno
	mov	$nowrite,r0
	mov	$empty,r1
	jsr	pc,complain
	jmp	leave
1:
	mov	r0,errno
	mov	$noread,r0
	mov	name,r1
	jsr	pc,complain
2:
	rts	pc
	.data
opencall: sys open
name:	empty; 0
writecall: sys write; buf
count:	0
cannot:	<cannot open \0>
noread:	<cannot read \0>
nowrite: <cannot write\0>
empty:	<\0>
	.even
	.bss
buf:	.=.+512.

/ chmod: the permissions of files, an octal number.
	.text
main:
	cmp	r4,$2
	blo	usage
	mov	(r5)+,r1
	clr	r2
1:
	movb	(r1)+,r0
	beq	2f
	sub	$'0,r0
	cmp	r0,$7
	bhi	usage
	ash	$3,r2
	bis	r0,r2
	br	1b
2:
	mov	r2,mode
3:
	dec	r4
	beq	9f
	mov	(r5),name
	sys	0; chcall
	bcc	4f
	mov	r0,errno
	mov	$empty,r0
	mov	(r5),r1
	jsr	pc,complain
4:
	tst	(r5)+
	br	3b
9:
	rts	pc
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain
	.data
chcall:	sys chmod
name:	0
mode:	0
usagem:	<usage: chmod mode file ...\0>
empty:	<\0>
	.even

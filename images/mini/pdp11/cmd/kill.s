/ kill: a signal, the 15th or -number, for processes.
	.text
main:
	tst	r4
	beq	usage
	mov	(r5),r0
	cmpb	(r0)+,$'-
	bne	1f
	jsr	pc,number
	mov	r0,sig
	tst	(r5)+
	dec	r4
	beq	usage
1:
	mov	(r5)+,r0
	jsr	pc,number
	sys	0; klcall
	bcc	2f
	mov	r0,errno
	mov	$empty,r0
	mov	-2(r5),r1
	jsr	pc,complain
2:
	sob	r4,1b
	rts	pc
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain
	.data
klcall:	sys kill
sig:	15.
usagem:	<usage: kill [-signal] process ...\0>
empty:	<\0>
	.even

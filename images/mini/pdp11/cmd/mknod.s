/ mknod: a device: its name, b or c, and two numbers.
	.text
main:
	cmp	r4,$4
	bne	usage
	mov	(r5)+,name
	mov	$20000,mode
	cmpb	*(r5),$'c
	beq	1f
	mov	$60000,mode
	cmpb	*(r5),$'b
	bne	usage
1:
	bis	$666,mode
	mov	2(r5),r0
	jsr	pc,number
	mov	r0,r2
	swab	r2
	clrb	r2
	mov	4(r5),r0
	jsr	pc,number
	bisb	r0,r2
	mov	r2,dev
	sys	0; mkcall
	bcc	9f
	mov	r0,errno
	mov	$cannot,r0
	mov	name,r1
	jmp	complain
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain
9:
	rts	pc
	.data
mkcall:	sys mknod
name:	0
mode:	0
dev:	0
usagem:	<usage: mknod name b|c major minor\0>
cannot:	<cannot make \0>
empty:	<\0>
	.even

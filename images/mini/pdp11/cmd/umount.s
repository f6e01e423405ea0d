/ umount: take the file system on a device out of the tree, when all is written.
	.text
main:
	tst	r4
	beq	usage
	sys	sync
	mov	(r5),dev
	sys	0; mtcall
	bcc	9f
	mov	r0,errno
	mov	$empty,r0
	mov	dev,r1
	jmp	complain
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain
9:
	rts	pc
	.data
mtcall:	sys umount
dev:	0
usagem:	<usage: umount device\0>
empty:	<\0>
	.even

/ mount: the file system on a device on a directory; -r behind them, read-only.
	.text
main:
	cmp	r4,$2
	blo	usage
	mov	(r5),dev
	mov	2(r5),dir
	cmp	r4,$3
	blo	1f
	inc	flag
1:
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
mtcall:	sys mount
dev:	0
dir:	0
flag:	0
usagem:	<usage: mount device directory [-r]\0>
empty:	<\0>
	.even

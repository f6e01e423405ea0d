/ ln: another name for a file.
	.text
main:
	cmp	r4,$2
	beq	1f
	mov	$usage,r0
	mov	$empty,r1
	jmp	complain
1:
	mov	(r5),old
	mov	2(r5),r2
	mov	(r5),r0
	jsr	pc,getstat
	bcs	7f
	jsr	pc,isdir
	bne	2f
	mov	$21.,errno
	br	7f
2:
	mov	r2,r0
	jsr	pc,getstat
	bcs	3f
	jsr	pc,isdir
	bne	3f
	mov	(r5),r0
	mov	r2,r1
	jsr	pc,target
	mov	$path,r2
3:
	clr	errno
	mov	r2,new
	sys	0; lncall
	bcc	9f
	mov	r0,errno
	mov	$cannot,r0
	mov	r2,r1
	jmp	complain
7:
	mov	$empty,r0
	mov	(r5),r1
	jmp	complain
9:
	rts	pc
/ The last component of r0 in directory r1 goes to path.
target:
	mov	r2,-(sp)
	mov	r1,-(sp)
	jsr	pc,basename
	mov	r0,r2
	mov	(sp)+,r1
	mov	$path,r0
	jsr	pc,join
	mov	(sp)+,r2
	rts	pc
	.data
lncall:	sys link
old:	0
new:	0
usage:	<usage: ln file name\0>
cannot:	<cannot make \0>
empty:	<\0>
	.even
	.bss
path:	.=.+200.

/ rmdir: remove empty directories: the links .. and . in them, then their names.

	.text
main:
	tst	r4
	bne	1f
	mov	$usage,r0
	mov	$nothing,r1
	jmp	complain
1:
	mov	(r5)+,r0
	jsr	pc,rmdir
	sob	r4,1b
	rts	pc

/ Remove the empty directory r0.
rmdir:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r0,r3
	jsr	pc,getstat
	bcs	8f
	jsr	pc,isdir
	bne	6f
	cmp	st.ino,$2
	beq	5f
	mov	r3,r0
	jsr	pc,basename
	mov	$dot,r1
	jsr	pc,strcmp
	beq	5f
	mov	r3,r0
	jsr	pc,basename
	mov	$dotdot,r1
	jsr	pc,strcmp
	beq	5f
	mov	r3,rmname
	sys	0; rmopen
	mov	r0,errno
	bcs	8f
	clr	errno
	mov	r0,r4
1:
	mov	r4,r0
	sys	read; rment; 16.
	bcs	2f
	cmp	r0,$16.
	bne	2f
	tst	rment
	beq	1b
	mov	$rment+2,r0
	mov	$dot,r1
	jsr	pc,strcmp
	beq	1b
	mov	$rment+2,r0
	mov	$dotdot,r1
	jsr	pc,strcmp
	beq	1b
	mov	r4,r0
	sys	close
	mov	$notempty,r0
	br	7f
2:
	mov	r4,r0
	sys	close
	mov	$rmpath,r0
	mov	r3,r1
	mov	$dotdot,r2
	jsr	pc,join
	sys	unlink; rmpath
	mov	$rmpath,r0
	mov	r3,r1
	mov	$dot,r2
	jsr	pc,join
	sys	unlink; rmpath
	mov	r3,ulname
	sys	0; ulcall
	bcc	9f
	mov	r0,errno
8:
	mov	$nothing,r0
	br	7f
5:
	mov	$cannot,r0
	br	7f
6:
	mov	$20.,errno
	br	8b
7:
	mov	r3,r1
	jsr	pc,complain
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

	.data
rmopen:	sys open
rmname:	0; 0
ulcall:	sys unlink
ulname:	0
usage:	<usage: rmdir directory ...\0>
dot:	<.\0>
dotdot:	<..\0>
nothing: <\0>
notempty: <not empty: \0>
cannot:	<cannot remove \0>
	.even
	.bss
rment:	.=.+18.
rmpath:	.=.+200.

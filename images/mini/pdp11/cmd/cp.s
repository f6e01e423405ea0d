/ cp: copy a file to another, or files to a directory.

	.text
main:
	cmp	r4,$2
	blo	usage
	mov	r5,r3
	mov	r4,r0
	dec	r0
	asl	r0
	add	r0,r3
	mov	(r3),r3			/ r3: the last argument
	dec	r4
	mov	r3,r0
	jsr	pc,getstat
	bcs	1f
	jsr	pc,isdir
	bne	1f
	inc	todir
	br	2f
1:
	clr	errno
	cmp	r4,$1
	bne	usage
2:
	mov	(r5)+,r0
	jsr	pc,copy
	sob	r4,2b
	rts	pc
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain

/ Copy file r0 to r3.
copy:
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	r3,-(sp)
	mov	r0,r2
	tst	todir
	beq	1f
	mov	r3,r1
	jsr	pc,basename
	mov	r2,-(sp)
	mov	r0,r2
	mov	(sp),r0
	mov	r3,-(sp)
	jsr	pc,basename
	mov	r0,r2
	mov	(sp)+,r1
	mov	$path,r0
	jsr	pc,join
	mov	(sp)+,r2
	mov	$path,r3
1:
	mov	r2,r0
	jsr	pc,getstat
	bcs	7f
	jsr	pc,isdir
	bne	2f
	mov	$21.,errno
	br	7f
2:
	mov	st.mode,r5
	mov	st.ino,r4
	mov	st.dev,-(sp)
	mov	r3,r0
	jsr	pc,getstat
	mov	(sp)+,r0
	bcs	3f
	cmp	r0,st.dev
	bne	3f
	cmp	r4,st.ino
	bne	3f
	mov	$same,r0
	mov	r2,r1
	jsr	pc,complain
	br	9f
3:
	clr	errno
	mov	r2,opname
	sys	0; opcall
	bcs	6f
	mov	r0,r4
	mov	r3,crname
	bic	$!7777,r5
	mov	r5,crmode
	sys	0; crcall
	bcs	8f
	mov	r0,r5
4:
	mov	r4,r0
	sys	read; buf; 512.
	bcs	6f
	mov	r0,count
	beq	5f
	mov	r5,r0
	sys	0; wrcall
	bcs	8f
	br	4b
5:
	mov	r4,r0
	sys	close
	mov	r5,r0
	sys	close
	br	9f
6:
	mov	r0,errno
7:
	mov	$cannot,r0
	mov	r2,r1
	jsr	pc,complain
	br	9f
8:
	mov	r0,errno
	mov	$cannotw,r0
	mov	r3,r1
	jsr	pc,complain
	mov	r4,r0
	sys	close
9:
	mov	(sp)+,r3
	mov	(sp)+,r5
	mov	(sp)+,r4
	rts	pc
	.data
todir:	0
opcall:	sys open
opname:	0; 0
crcall:	sys creat
crname:	0
crmode:	0
wrcall:	sys write; buf
count:	0
usagem:	<usage: cp from to, or cp file ... directory\0>
same:	<that is the same file: \0>
cannot:	<cannot read \0>
cannotw: <cannot write \0>
empty:	<\0>
	.even
	.bss
path:	.=.+200.
buf:	.=.+512.

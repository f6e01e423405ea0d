/ pwd: the path of the current directory. From each directory up to the root it looks
/ for the entry in the one above that has its number; a mounted file system's root is
/ known by its device.

	.text
main:
	mov	$end,r5			/ r5: the path, from its end
	clrb	-(r5)
1:
	sys	stat; dot; statbuf
	bcs	bad
	mov	st.ino,r2
	mov	st.dev,r3
	sys	stat; dotdot; statbuf
	bcs	bad
	cmp	r2,st.ino
	bne	2f
	cmp	r3,st.dev
	beq	9f
2:
	sys	open; dotdot; 0
	bcs	bad
	mov	r0,r4
	sys	chdir; dotdot
3:
	mov	r4,r0
	sys	read; dirent; 16.
	cmp	r0,$16.
	bne	bad
	tst	dirent
	beq	3b
	sys	stat; dirent+2; statbuf
	bcs	3b
	cmp	st.ino,r2
	bne	3b
	cmp	st.dev,r3
	bne	3b
	mov	$dirent+2,r0
4:
	tstb	(r0)+
	bne	4b
	dec	r0
5:
	movb	-(r0),-(r5)
	cmp	r0,$dirent+2
	bhi	5b
	movb	$'/,-(r5)
	mov	r4,r0
	sys	close
	br	1b
9:
	tstb	(r5)
	bne	6f
	movb	$'/,-(r5)
6:
	mov	r5,r0
	jsr	pc,puts
	jmp	newline
bad:
	mov	$cannot,r0
	mov	$dotdot,r1
	jmp	complain
	.data
dot:	<.\0>
dotdot:	<..\0>
cannot:	<cannot read \0>
	.even
	.bss
dirent:	.=.+18.
	.=.+512.
end:	.=.+2

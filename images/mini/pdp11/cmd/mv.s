/ mv: give a file or a directory another name, or files a place in another directory.
/ The new name comes first, then the old one goes. A directory that has another parent
/ then gets a new .. too.

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
	jsr	pc,move
	sob	r4,2b
	rts	pc
usage:
	mov	$usagem,r0
	mov	$empty,r1
	jmp	complain

/ Move file r0 to r3.
move:
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	r0,r2			/ r2: the old name
	tst	todir
	beq	1f
	mov	r2,-(sp)
	jsr	pc,basename
	mov	r0,r2
	mov	$path,r0
	mov	r3,r1
	jsr	pc,join
	mov	(sp)+,r2
	mov	$path,r3
1:
	mov	r2,r0
	jsr	pc,getstat
	jcs	7f
	mov	st.ino,r4
	mov	st.dev,r5
	clr	dir
	jsr	pc,isdir
	bne	2f
	inc	dir
2:
	mov	r3,r0			/ what has that name already goes
	jsr	pc,getstat
	bcs	3f
	cmp	r5,st.dev
	bne	4f
	cmp	r4,st.ino
	jeq	9f
4:
	mov	$17.,errno
	tst	dir
	bne	6f
	jsr	pc,isdir
	beq	6f
	clr	errno
	mov	r3,ulname
	sys	0; ulcall
	bcs	5f
3:
	clr	errno
	tst	dir
	bne	mvdir
8:
	mov	r2,lnold
	mov	r3,lnnew
	sys	0; lncall
	bcs	5f
	mov	r2,ulname
	sys	0; ulcall
	bcc	9f
	mov	r0,errno
	br	7f
5:
	mov	r0,errno
6:
	mov	$cannot,r0
	mov	r3,r1
	jsr	pc,complain
	br	9f
7:
	mov	$cannot,r0
	mov	r2,r1
	jsr	pc,complain
9:
	mov	(sp)+,r5
	mov	(sp)+,r4
	mov	(sp)+,r3
	rts	pc

mvdir:				/ a directory: is the parent another one?
	mov	r2,r0
	mov	$oldpar,r1
	jsr	pc,parent
	mov	r3,r0
	mov	$newpar,r1
	jsr	pc,parent
	mov	r2,r0
	jsr	pc,basename
	movb	(r0),r1
	cmp	r1,$'.
	bne	1f
	mov	$22.,errno		/ . or ..
	br	7b
1:
	mov	$oldpar,r0
	jsr	pc,getstat
	bcs	7b
	mov	st.ino,-(sp)
	mov	$newpar,r0
	jsr	pc,getstat
	bcc	2f
	tst	(sp)+
	br	6b
2:
	cmp	st.ino,(sp)+
	beq	8b			/ no: like a file
	mov	$up,r0			/ it must not come below itself
	mov	$newpar,r1
	jsr	pc,strcpy
3:
	mov	$up,r0
	jsr	pc,getstat
	bcs	6b
	cmp	st.ino,r4
	bne	4f
	mov	$22.,errno
	br	6b
4:
	cmp	st.ino,$2
	beq	5f
	mov	$up,r0
	mov	$up,r1
	jsr	pc,strcpy
	mov	$slashup,r1
	jsr	pc,strcpy
	br	3b
5:
	mov	r2,lnold
	mov	r3,lnnew
	sys	0; lncall
	bcc	1f
	mov	r0,errno
	br	6b
1:
	mov	r2,ulname
	sys	0; ulcall
	mov	$up,r0
	mov	r3,r1
	mov	$dotdot,r2
	jsr	pc,join
	sys	unlink; up
	sys	link; newpar; up
	jmp	9b

/ The path of what the file r0 is in goes to r1.
parent:
	mov	r2,-(sp)
	mov	r1,r2
	mov	r0,r1
	mov	r2,r0
	jsr	pc,strcpy
	mov	r2,r0
	jsr	pc,basename
	clrb	(r0)
	cmp	r0,r2
	bne	1f
	mov	$dot,r1
	jsr	pc,strcpy
1:
	mov	(sp)+,r2
	rts	pc

	.data
todir:	0
dir:	0
ulcall:	sys unlink
ulname:	0
lncall:	sys link
lnold:	0
lnnew:	0
usagem:	<usage: mv from to, or mv file ... directory\0>
cannot:	<cannot move \0>
dot:	<.\0>
dotdot:	<..\0>
slashup: </..\0>
empty:	<\0>
	.even
	.bss
path:	.=.+200.
oldpar:	.=.+200.
newpar:	.=.+200.
up:	.=.+400.

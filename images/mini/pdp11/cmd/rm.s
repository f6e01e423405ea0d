/ rm: remove files; -r with directories and all that is in them, -f without complaint.
/ An empty directory is rmdir's work.

	.text
main:
1:
	tst	r4
	beq	9f
	mov	(r5),r0
	cmpb	(r0)+,$'-
	bne	3f
	tst	(r5)+
	dec	r4
2:
	movb	(r0)+,r1
	beq	1b
	cmp	r1,$'f
	bne	4f
	inc	force
4:
	cmp	r1,$'r
	bne	2b
	inc	recur
	br	2b
3:
	mov	$path,r0
	mov	(r5)+,r1
	jsr	pc,strcpy
	jsr	pc,remove
	sob	r4,3b
9:
	tst	force
	beq	8f
	clr	status
8:
	rts	pc

/ Remove what `path' names.
remove:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	$path,r0
	jsr	pc,getstat
	bcs	8f
	jsr	pc,isdir
	beq	1f
	sys	unlink; path
	bcc	9f
	mov	r0,errno
	br	8f
1:
	tst	recur
	beq	7f
	sys	open; path; 0
	bcs	6f
	mov	r0,r3
	mov	$path,r4
2:
	tstb	(r4)+
	bne	2b
	dec	r4			/ r4: the end of the directory's path
3:
	mov	r3,r0
	sys	read; dirent; 16.
	bcs	4f
	cmp	r0,$16.
	bne	4f
	tst	dirent
	beq	3b
	mov	$dirent+2,r0
	mov	$dot,r1
	jsr	pc,strcmp
	beq	3b
	mov	$dirent+2,r0
	mov	$dotdot,r1
	jsr	pc,strcmp
	beq	3b
	mov	r4,r0
	movb	$'/,(r0)+
	mov	$dirent+2,r1
	jsr	pc,strcpy
	jsr	pc,remove
	clrb	(r4)
	br	3b
4:
	mov	r3,r0
	sys	close
	sys	fork
	br	child
	bcs	6f
	mov	r0,r3
5:
	sys	wait.
	bcs	9f
	cmp	r0,r3
	bne	5b
	tst	r1
	beq	9f
	mov	$1,status
	br	9f
6:
	mov	r0,errno
	br	8f
7:
	mov	$21.,errno
8:
	tst	force
	bne	9f
	mov	$nothing,r0
	mov	$path,r1
	jsr	pc,complain
9:
	clr	errno
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

child:
	tst	force
	beq	1f
	mov	$2,r0			/ rmdir shall not complain
	sys	close
1:
	sys	exec; rmdir; rmargs
	mov	r0,errno
	mov	$nothing,r0
	mov	$rmdir,r1
	jsr	pc,complain
	jmp	leave

	.data
rmargs:	rmname; path; 0
rmdir:	</bin/rmdir\0>
rmname:	<rmdir\0>
dot:	<.\0>
dotdot:	<..\0>
nothing: <\0>
	.even
force:	0
recur:	0
	.bss
path:	.=.+300.
dirent:	.=.+18.

/ ls: what is in directories, in order; -l with all about it, -a with names that start
/ with a dot, -d the directory itself, -i with inode numbers.

	.text
main:
	clr	r3
1:
	tst	r4
	beq	3f
	mov	(r5),r0
	cmpb	(r0)+,$'-
	bne	3f
	tst	(r5)+
	dec	r4
2:
	movb	(r0)+,r1
	beq	1b
	cmp	r1,$'l
	bne	4f
	inc	long
4:
	cmp	r1,$'a
	bne	4f
	inc	all
4:
	cmp	r1,$'d
	bne	4f
	inc	self
4:
	cmp	r1,$'i
	bne	2b
	inc	numbers
	br	2b
3:
	tst	r4
	bne	5f
	mov	$dot,r0
	jsr	pc,one
	rts	pc
5:
	cmp	r4,$1
	beq	6f
	inc	many
6:
	mov	(r5)+,r0
	jsr	pc,one
	sob	r4,6b
	rts	pc

/ One argument: the file or directory r0.
one:
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	r0,r5
	jsr	pc,getstat
	bcs	8f
	tst	self
	bne	1f
	jsr	pc,isdir
	beq	2f
1:
	mov	r5,r3
	jsr	pc,show
	br	9f
2:
	mov	r5,opname
	sys	0; opcall
	bcs	7f
	mov	r0,r3
	tst	many
	beq	3f
	jsr	pc,newline
	mov	r5,r0
	jsr	pc,puts
	mov	$':,r0
	jsr	pc,putc
	jsr	pc,newline
3:
	mov	$names,r4		/ collect the names, 14 bytes each and a 0
4:
	mov	r3,r0
	sys	read; dirent; 16.
	bcs	5f
	cmp	r0,$16.
	bne	5f
	tst	dirent
	beq	4b
	cmpb	dirent+2,$'.
	bne	6f
	tst	all
	beq	4b
6:
	mov	r4,r0
	add	$16.,r0
	sub	$names,r0
	cmp	r0,room
	blos	6f
	add	$1024.,room		/ more memory
	add	$1024.,brk+2
	sys	0; brk
	bcs	5f
6:
	mov	r4,r0
	mov	$dirent+2,r1
	jsr	pc,strcpy
	add	$16.,r4
	br	4b
5:
	mov	r3,r0
	sys	close
	jsr	pc,sort
	mov	$names,r3
1:
	cmp	r3,r4
	bhis	9f
	mov	$path,r0
	mov	r5,r1
	mov	r3,r2
	jsr	pc,join
	tst	long
	bne	2f
	tst	numbers
	beq	3f
2:
	mov	$path,r0
	jsr	pc,getstat
	bcs	4f
3:
	jsr	pc,show
4:
	add	$16.,r3
	br	1b
7:
	mov	r0,errno
8:
	mov	$empty,r0
	mov	r5,r1
	jsr	pc,complain
9:
	mov	(sp)+,r5
	mov	(sp)+,r4
	mov	(sp)+,r3
	rts	pc

/ Sort the names up to r4: a heap would be better, but directories are small.
sort:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	$names,r2
1:
	add	$16.,r2
	cmp	r2,r4
	bhis	9f
	mov	r2,r3
2:
	cmp	r3,$names
	blos	1b
	mov	r3,r0
	mov	r3,r1
	sub	$16.,r1
	jsr	pc,strcmp
	bhis	1b
	mov	r3,r0			/ exchange it with the one before
	mov	$8.,r1
3:
	mov	(r0),-(sp)
	mov	-16.(r0),(r0)
	mov	(sp)+,-16.(r0)
	tst	(r0)+
	sob	r1,3b
	sub	$16.,r3
	br	2b
9:
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ Show the file with the name r3 and, if it is needed, the status statbuf.
show:
	mov	r4,-(sp)
	tst	numbers
	beq	1f
	mov	st.ino,r1
	clr	r0
	mov	$5,width
	jsr	pc,putwide
	jsr	pc,space
1:
	tst	long
	jeq	9f
	mov	st.mode,r4
	swab	r4
	ash	$-4,r4
	bic	$!17,r4
	movb	kinds(r4),r0
	jsr	pc,putc
	mov	st.mode,r4
	ash	$7,r4			/ the permissions are the highest bits
	mov	$9.,r2
2:
	mov	$'-,r0
	asl	r4
	bcc	3f
	movb	bits-1(r2),r0
3:
	jsr	pc,putc
	sob	r2,2b
	mov	st.nlink,r1
	clr	r0
	mov	$3,width
	jsr	pc,putwide
	jsr	pc,space
	tst	st.uid
	bne	4f
	mov	$root,r0
	jsr	pc,puts
	br	5f
4:
	mov	st.uid,r1
	clr	r0
	mov	$4,width
	jsr	pc,putwide
5:
	mov	st.mode,r0
	bic	$!60000,r0
	cmp	r0,$20000
	bne	6f
	bit	$100000,st.mode
	bne	6f
7:
	jsr	pc,space		/ a device: its numbers
	clr	r1
	bisb	st.rdev+1,r1
	clr	r0
	mov	$3,width
	jsr	pc,putwide
	mov	$',,r0
	jsr	pc,putc
	clr	r1
	bisb	st.rdev,r1
	clr	r0
	jsr	pc,putwide
	br	8f
6:
	cmp	r0,$60000
	beq	7b
	mov	st.size,r0
	mov	st.size+2,r1
	mov	$8.,width
	jsr	pc,putwide
8:
	jsr	pc,space
	mov	st.mtime,r0
	mov	st.mtime+2,r1
	jsr	pc,calendar
	mov	month,r1
	asl	r1
	asl	r1
	mov	$months,r0
	add	r1,r0
	jsr	pc,puts
	mov	day,r1
	clr	r0
	mov	$3,width
	jsr	pc,putwide
	jsr	pc,space
	mov	hour,r0
	jsr	pc,put2
	mov	$':,r0
	jsr	pc,putc
	mov	minute,r0
	jsr	pc,put2
	jsr	pc,space
9:
	mov	r3,r0
	jsr	pc,puts
	mov	(sp)+,r4
	jmp	newline

	.data
opcall:	sys open
opname:	0; 0
brk:	sys break; names+1024.
room:	1024.
long:	0
all:	0
self:	0
numbers: 0
many:	0
dot:	<.\0>
empty:	<\0>
root:	<root\0>
kinds:	<?pc?d?b?-???????>
bits:	<xwrxwrxwr>
	.even
	.bss
dirent:	.=.+18.
path:	.=.+200.

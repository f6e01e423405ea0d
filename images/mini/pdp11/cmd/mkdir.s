/ mkdir: make directories. For the system that is three steps: an empty directory, and
/ the links . and .. in it.

	.text
main:
	tst	r4
	bne	1f
	mov	$usage,r0
	mov	$empty,r1
	jmp	complain
1:
	mov	(r5)+,r2
	jsr	pc,make
	sob	r4,1b
	rts	pc

make:				/ the directory r2
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	$parent,r0		/ where it is to be
	mov	r2,r1
	jsr	pc,strcpy
	mov	$parent,r0
	jsr	pc,basename
	clrb	(r0)
	cmp	r0,$parent
	bne	1f
	mov	$dot,r1
	jsr	pc,strcpy
1:
	mov	r2,nodename
	sys	0; nodecall
	bcs	8f
	mov	r2,linkold
	mov	$path,r0
	mov	r2,r1
	mov	r2,r3
	mov	$dot,r2
	jsr	pc,join
	sys	0; linkcall
	bcs	7f
	mov	$parent,linkold
	mov	$path,r0
	mov	r3,r1
	mov	$dotdot,r2
	jsr	pc,join
	sys	0; linkcall
	bcc	9f
	mov	r0,errno
	mov	$path,r0
	mov	r3,r1
	mov	$dot,r2
	jsr	pc,join
	sys	unlink; path
	mov	errno,r0
7:
	mov	r0,errno
	mov	r3,undoname
	sys	0; undocall
	mov	errno,r0
	mov	r3,r2
8:
	mov	r0,errno
	mov	$cannot,r0
	mov	r2,r1
	jsr	pc,complain
9:
	mov	(sp)+,r5
	mov	(sp)+,r4
	rts	pc

	.data
nodecall: sys mknod
nodename: 0; 40777; 0
linkcall: sys link
linkold: 0; path
undocall: sys unlink
undoname: 0
usage:	<usage: mkdir directory ...\0>
cannot:	<cannot make \0>
dot:	<.\0>
dotdot:	<..\0>
empty:	<\0>
	.even
	.bss
parent:	.=.+200.
path:	.=.+200.

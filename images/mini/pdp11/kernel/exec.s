/ exec: another program for this process. Programs are V7's a.out files: 0407, text
/ and data together; 0410, text read-only; 0411, text in a space of its own. Text is
/ never shared between processes.

argmax	= 5120.			/ bytes of arguments

	.text
exec:
	clr	u.arg+4
exece:
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r5			/ r5: the file
	mov	$iexec,r1
	jsr	pc,permit
	bcs	8f
	mov	i.mode(r5),r0
	bic	$!ifmt,r0
	cmp	r0,$ifreg
	beq	1f
	jsr	pc,eacces
	br	8f
1:
	sub	$16.,sp			/ the header: magic, text, data, bss,
	mov	sp,u.base		/ symbols, entry
	mov	$16.,u.count
	clr	u.off
	clr	u.off+2
	movb	$1,u.segfl
	mov	r5,r0
	jsr	pc,readi
	clrb	u.segfl
	bcs	7f
	tst	u.count
	bne	2f
	cmp	(sp),$407
	beq	3f
	cmp	(sp),$410
	beq	4f
	cmp	(sp),$411
	beq	4f
2:
	jsr	pc,enoexec
7:
	add	$16.,sp
8:
	mov	r5,r0
	jsr	pc,iput
	sec
9:
	rts	pc
3:
	add	2(sp),4(sp)		/ all of it is data
	clr	2(sp)
	bcs	2b
4:
	mov	i.size(r5),r0		/ is the file that long?
	mov	i.size+2(r5),r1
	sub	$16.,r1
	sbc	r0
	sub	2(sp),r1
	sbc	r0
	sub	4(sp),r1
	sbc	r0
	bmi	2b

/ The arguments wait in memory of their own: the strings of both lists, one after
/ the other. r3 counts the bytes.
	mov	$argmax\/64.+1,r0
	jsr	pc,getmem
	bcs	7b
	mov	r0,-(sp)
	mov	r0,kdsa5
	mov	$window5,r2
	clr	r3
	mov	u.arg+2,r4
	jsr	pc,getargs
	bcs	5f
	mov	r1,-(sp)		/ how many arguments
	mov	u.arg+4,r4
	clr	r1
	tst	r4
	beq	1f
	jsr	pc,getargs
1:
	mov	r1,-(sp)		/ how many of the environment
	bcs	4f

/ The new image, in clicks.
	inc	r3
	bic	$1,r3
	mov	8.(sp),r0		/ text
	mov	r0,r4
	jsr	pc,clicks
	mov	r0,-(sp)
	mov	12.(sp),r0		/ data and bss
	add	14.(sp),r0
	bcs	3f
	jsr	pc,clicks
	mov	r0,-(sp)
	mov	r3,r0			/ stack: arguments and some more
	add	$1280.+128.,r0
	mov	4(sp),r1
	add	6(sp),r1
	asl	r1
	add	r1,r0
	jsr	pc,clicks
	mov	r0,-(sp)
	jsr	pc,newimage
	bcc	6f
	tst	(sp)+
	tst	(sp)+
3:
	tst	(sp)+
	jsr	pc,enomem
4:
	cmp	(sp)+,(sp)+
5:
	mov	(sp)+,r0
	jsr	pc,freemem
	br	7b

/ The arguments go to the new stack: how many, a pointer to each, 0, pointers to
/ the environment, 0, and the strings.
6:
	add	$6,sp			/ now: envs, args, arguments' memory, header
	mov	r3,r4
	neg	r4
	sub	$2,r4			/ r4: where the strings go
	mov	r4,r2
	sub	$6,r2			/ count and two zeros
	mov	(sp),r0
	add	2(sp),r0
	asl	r0
	sub	r0,r2			/ r2: the new sp
	mov	r2,usp
	mov	r2,r0
	mov	2(sp),r1
	jsr	pc,suword
	add	$2,r2
	mov	4(sp),kdsa5
	mov	$window5,r3
	mov	2(sp),r1
	jsr	pc,putargs
	mov	(sp),r1
	jsr	pc,putargs
	cmp	(sp)+,(sp)+
	mov	(sp)+,r0
	jsr	pc,freemem

/ Read the file. While the text is read it is mapped as data.
	mov	$16.,u.off+2
	clr	u.off
	mov	2(sp),u.count
	beq	1f
	clr	u.base
	clr	r0
	mov	u.tsize,r1
	clr	r2
	clr	r3
	jsr	pc,estabur
	mov	r5,r0
	jsr	pc,readi
1:
	mov	u.tsize,r0
	mov	u.dsize,r1
	mov	u.ssize,r2
	mov	u.sep,r3
	jsr	pc,estabur
	mov	4(sp),u.count
	beq	3f
	clr	u.base
	tst	r3
	bne	2f
	mov	u.tsize,r0
	add	$177,r0			/ data starts at the next page
	bic	$177,r0
	ash	$6,r0
	mov	r0,u.base
2:
	mov	r5,r0
	jsr	pc,readi
3:
	tstb	u.error
	beq	4f
	mov	u.procp,r0		/ the old program is gone: no way back
	mov	$sigkill,r1
	jsr	pc,psignal
4:
	mov	10.(sp),upc
	add	$16.,sp
	clr	ur0
	clr	ur1
	clr	ur2
	clr	ur3
	clr	ur4
	clr	ur5
	bit	$4000,i.mode(r5)	/ set user and group
	beq	1f
	mov	i.uid(r5),u.uid
1:
	bit	$2000,i.mode(r5)
	beq	1f
	mov	i.gid(r5),u.gid
1:
	mov	r5,r0
	jsr	pc,iput
	mov	$u.signa,r0		/ caught signals have their usual effect
	mov	$nsig,r1
2:
	bit	$1,(r0)
	bne	3f
	clr	(r0)
3:
	tst	(r0)+
	sob	r1,2b
	clr	r3
5:
	tstb	u.pofil(r3)
	beq	6f
	clrb	u.pofil(r3)
	mov	r3,r1
	asl	r1
	mov	u.ofile(r1),r0
	beq	6f
	clr	u.ofile(r1)
	jsr	pc,closef
6:
	inc	r3
	cmp	r3,$nofile
	blo	5b
	mov	$u.dbuf,r0
	mov	$u.comm,r1
	mov	$7,r2
7:
	mov	(r0)+,(r1)+
	sob	r2,7b
	clc
	rts	pc

/ r0 bytes in clicks.
clicks:
	add	$77,r0
	ror	r0			/ with the carry
	ash	$-5,r0
	bic	$!1777,r0
	rts	pc

/ Copy the strings of list r4 to r2, where r3 bytes are already; r1: how many.
getargs:
	clr	r1
1:
	mov	r4,r0
	jsr	pc,fuword
	bcs	9f
	add	$2,r4
	tst	r0
	beq	8f
	inc	r1
	mov	r1,-(sp)
	mov	r0,-(sp)
2:
	mov	(sp),r0
	inc	(sp)
	jsr	pc,fubyte
	bcs	7f
	movb	r0,(r2)+
	inc	r3
	cmp	r3,$argmax
	bhi	6f
	tst	r0
	bne	2b
	tst	(sp)+
	mov	(sp)+,r1
	br	1b
6:
	jsr	pc,e2big
7:
	tst	(sp)+
	mov	(sp)+,r1
	sec
	rts	pc
8:
	clc
9:
	rts	pc

/ Put r1 strings from r3 to r4 in the program, pointers to them and a 0 to r2.
putargs:
	mov	r1,-(sp)
	beq	3f
1:
	mov	r2,r0
	mov	r4,r1
	jsr	pc,suword
	add	$2,r2
2:
	mov	r4,r0
	inc	r4
	movb	(r3),r1
	jsr	pc,subyte
	tstb	(r3)+
	bne	2b
	dec	(sp)
	bne	1b
3:
	tst	(sp)+
	mov	r2,r0
	clr	r1
	add	$2,r2
	jmp	suword

/ Replace the image: the sizes are on the stack (stack, data, text), the magic
/ number is in the header behind. Everything is zero then but the user area.
newimage:
	jsr	r5,save
	mov	12.(sp),r2
	mov	14.(sp),r1
	mov	16.(sp),r0
	clr	r3
	cmp	24.(sp),$411
	bne	1f
	inc	r3
1:
	jsr	pc,estabur
	bcs	8f
	mov	r2,r4
	add	14.(sp),r4
	add	16.(sp),r4
	add	$usize,r4
	mov	r4,r0
	jsr	pc,getmem
	bcs	7f
	mov	u.procp,r5
	mov	16.(sp),u.tsize
	mov	14.(sp),u.dsize
	mov	12.(sp),u.ssize
	mov	r3,u.sep
	mov	r0,r3
	mov	r4,r1
	jsr	pc,clearseg
	mov	p.addr(r5),r0
	mov	r3,r1
	mov	$usize,r2
	jsr	pc,copyseg
	mov	r3,kdsa6
	mov	p.addr(r5),r0
	mov	r3,p.addr(r5)
	mov	r4,p.size(r5)
	jsr	pc,freemem
	jsr	pc,sureg
	clc
	rts	pc
7:
	mov	u.tsize,r0		/ as it was
	mov	u.dsize,r1
	mov	u.ssize,r2
	mov	u.sep,r3
	jsr	pc,estabur
8:
	sec
	rts	pc

/ Reading and writing files: u.count bytes at u.off, to or from u.base in the
/ program (or the kernel, if u.segfl). What has been moved is taken from u.count.

	.text
/ Read the file with inode r0.
readi:
	jsr	r5,save
	mov	r0,r4
	tst	u.count
	beq	9f
	bisb	$iacc,i.flag(r4)
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	jeq	chread
1:
	jsr	pc,portion
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifblk
	bne	2f
	mov	i.rdev(r4),r0
	br	5f
2:
	mov	i.size(r4),r0		/ no further than the file
	mov	i.size+2(r4),r5
	sub	u.off+2,r5
	sbc	r0
	sub	u.off,r0
	blt	9f
	bgt	3f
	tst	r5
	beq	9f
	cmp	r3,r5
	blos	3f
	mov	r5,r3
3:
	mov	r2,-(sp)
	clr	r2
	mov	r4,r0
	jsr	pc,bmap
	mov	(sp)+,r2
	bcs	9f
	mov	r0,r1
	bne	4f
	jsr	pc,geteblk		/ a hole
	jsr	pc,clrbuf
	br	6f
4:
	mov	i.dev(r4),r0
5:
	jsr	pc,bread
	bcs	9f
6:
	mov	r0,r5
	mov	r2,r0
	add	r3,r0
	cmp	r0,$512.
	bne	7f
	bit	$bdelwri,b.flags(r5)
	bne	7f
	bis	$bage,b.flags(r5)	/ read to its end: not wanted soon
7:
	mov	b.addr(r5),r0
	add	r2,r0
	mov	r3,r1
	clr	r2
	jsr	pc,iomove
	mov	r5,r0
	jsr	pc,brelse
	tstb	u.error
	bne	9f
	tst	u.count
	bne	1b
9:
	tstb	u.error			/ clears C
	beq	8f
	sec
8:
	rts	pc

/ r1: the block of the file where u.off is; r2: where in it; r3: how much of it is
/ wanted.
portion:
	mov	u.off,r0
	mov	u.off+2,r1
	mov	r1,r2
	bic	$!777,r2
	ashc	$-9.,r0
	tst	r0
	beq	1f
	mov	$-1,r1			/ beyond any file
1:
	mov	$512.,r3
	sub	r2,r3
	cmp	r3,u.count
	blos	2f
	mov	u.count,r3
2:
	rts	pc

/ Write the file with inode r0.
writei:
	jsr	r5,save
	mov	r0,r4
	bisb	$iacc+iupd,i.flag(r4)
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	jeq	chwrite
	bisb	$ichg,i.flag(r4)
1:
	tst	u.count
	beq	9f
	jsr	pc,portion
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifblk
	bne	2f
	mov	i.rdev(r4),r0
	br	3f
2:
	mov	r2,-(sp)
	mov	$1,r2
	mov	r4,r0
	jsr	pc,bmap
	mov	(sp)+,r2
	bcs	9f
	mov	r0,r1
	mov	i.dev(r4),r0
3:
	cmp	r3,$512.
	bne	4f
	jsr	pc,getblk		/ all of it: no need to read it
	br	5f
4:
	jsr	pc,bread
	bcs	9f
5:
	mov	r0,r5
	mov	b.addr(r5),r0
	add	r2,r0
	mov	r3,r1
	mov	$1,r2
	jsr	pc,iomove
	mov	r5,r0
	bcc	6f
	jsr	pc,brelse
	br	9f
6:
	jsr	pc,bdwrite
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifblk
	beq	1b
	cmp	i.size(r4),u.off
	blt	7f
	bgt	1b
	cmp	i.size+2(r4),u.off+2
	bhis	1b
7:
	mov	u.off,i.size(r4)
	mov	u.off+2,i.size+2(r4)
	br	1b
9:
	tstb	u.error			/ clears C
	beq	8f
	sec
8:
	rts	pc

/ Move r1 bytes between r0 in the kernel and u.base; r2 is 1 when the kernel is to
/ have them.
iomove:
	jsr	r5,save
	mov	r1,r5
	tstb	u.segfl
	bne	3f
	tst	r2
	bne	1f
	mov	r5,r2
	mov	u.base,r1
	jsr	pc,copyout
	br	2f
1:
	mov	r0,r1
	mov	r5,r2
	mov	u.base,r0
	jsr	pc,copyin
2:
	bcs	9f
	br	6f
3:
	mov	u.base,r1
	tst	r2
	beq	4f
	mov	r0,r2
	mov	r1,r0
	mov	r2,r1
4:
	mov	r5,r2
5:
	movb	(r0)+,(r1)+
	sob	r2,5b
6:
	add	r5,u.base
	add	r5,u.off+2
	adc	u.off
	sub	r5,u.count
	clc
9:
	rts	pc

/ Character devices, by their numbers: 0 the console, 17 the terminal, which is the
/ same, 8,2 null.
chread:
	jsr	pc,chdev
	bcs	1f
	jmp	ttread
1:
	tst	r0
	jne	enxio
	clc
	rts	pc
chwrite:
	jsr	pc,chdev
	bcs	1f
	jmp	ttwrite
1:
	tst	r0
	jne	enxio
	add	u.count,u.off+2
	adc	u.off
	clr	u.count			/ all of it vanishes
	clc
	rts	pc
/ C clear: the device r4 is the terminal. Otherwise r0 is 0 if it is null.
chdev:
	mov	i.rdev(r4),r0
	beq	1f
	cmp	r0,$17.*400
	beq	1f
	sub	$4002,r0
	sec
	rts	pc
1:
	clc
	rts	pc

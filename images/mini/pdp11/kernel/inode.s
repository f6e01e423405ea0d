/ Inodes in memory. A routine that gets one gets it locked, and gives it back with
/ iput, or keeps it, unlocked by prele, with its count.

	.text
/ r0: inode r1 of device r0.
iget:
	jsr	r5,save
	mov	r0,r3
	mov	r1,r4
1:
	clr	r5
	mov	$_inode,r2
2:
	tstb	i.count(r2)
	bne	3f
	tst	r5
	bne	4f
	mov	r2,r5			/ the first that is not in use
	br	4f
3:
	cmp	r4,i.numbe(r2)
	bne	4f
	cmp	r3,i.dev(r2)
	beq	5f
4:
	add	$i.size0,r2
	cmp	r2,$_inode+[i.size0*ninode]
	blo	2b
	br	7f
5:
	bitb	$ilock,i.flag(r2)
	beq	6f
	bisb	$iwant,i.flag(r2)
	mov	r2,r0
	mov	$pinod,r1
	jsr	pc,sleep
	br	1b
6:
	bitb	$imount,i.flag(r2)
	beq	6f
	mov	$_mount,r1		/ the root of what is mounted here
4:
	cmp	m.inodp(r1),r2
	beq	3f
	add	$m.size,r1
	br	4b
3:
	mov	m.dev(r1),r3
	mov	$rootino,r4
	br	1b
6:
	incb	i.count(r2)
	bisb	$ilock,i.flag(r2)
	mov	r2,r0
	clc
	rts	pc
7:
	mov	r5,r2
	jeq	enfile
	mov	r3,i.dev(r2)
	mov	r4,i.numbe(r2)
	movb	$ilock,i.flag(r2)
	movb	$1,i.count(r2)
	jsr	pc,itod
	jsr	pc,bread
	bcc	8f
	clrb	i.count(r2)
	clrb	i.flag(r2)
	clr	i.numbe(r2)
	sec
	rts	pc
8:
	mov	r0,-(sp)
	jsr	pc,inblock
	mov	r2,r1
	add	$i.mode,r1
	mov	$6,r3
1:
	mov	(r0)+,(r1)+		/ mode to size
	sob	r3,1b
	mov	$13.,r3
2:
	movb	(r0)+,(r1)+		/ addresses: high byte, low, middle
	clrb	(r1)+
	movb	(r0)+,(r1)+
	movb	(r0)+,(r1)+
	sob	r3,2b
	mov	(sp)+,r0
	jsr	pc,brelse
	mov	r2,r0
	clc
	rts	pc

/ Device r0 and block r1 where inode r2 is on the disk.
itod:
	mov	i.dev(r2),r0
	mov	i.numbe(r2),r1
	add	$15.,r1
	ash	$-3,r1
	bic	$!17777,r1
	rts	pc
/ r0: where inode r2 is in buffer r0.
inblock:
	mov	i.numbe(r2),r1
	dec	r1
	bic	$!7,r1
	ash	$6,r1
	add	b.addr(r0),r1
	mov	r1,r0
	rts	pc

/ Give inode r0 back. It is written when nobody has it any more, and freed if no
/ directory has it either.
iput:
	jsr	r5,save
	mov	r0,r2
	cmpb	i.count(r2),$1
	bne	2f
	bisb	$ilock,i.flag(r2)
	tst	i.nlink(r2)
	bgt	1f
	jsr	pc,itrunc
	clr	i.mode(r2)
	bisb	$iupd+ichg,i.flag(r2)
	mov	i.dev(r2),r0
	mov	i.numbe(r2),r1
	jsr	pc,ifree
1:
	mov	r2,r0
	jsr	pc,iupdat
	mov	r2,r0
	jsr	pc,prele
	clrb	i.flag(r2)
	clr	i.numbe(r2)
	clrb	i.count(r2)
	rts	pc
2:
	decb	i.count(r2)
	mov	r2,r0

/ Unlock inode r0.
prele:
	bicb	$ilock,i.flag(r0)
	bitb	$iwant,i.flag(r0)
	beq	1f
	bicb	$iwant,i.flag(r0)
	jmp	wakeup
1:
	rts	pc

/ Lock inode r0.
plock:
	mov	r2,-(sp)
	mov	r0,r2
1:
	bitb	$ilock,i.flag(r2)
	beq	2f
	bisb	$iwant,i.flag(r2)
	mov	r2,r0
	mov	$pinod,r1
	jsr	pc,sleep
	br	1b
2:
	bisb	$ilock,i.flag(r2)
	mov	(sp)+,r2
	rts	pc

/ Put inode r0 into its block, if it has changed.
iupdat:
	jsr	r5,save
	mov	r0,r2
	bitb	$iupd+iacc+ichg,i.flag(r2)
	beq	9f
	mov	i.dev(r2),r0
	jsr	pc,getfs
	tstb	s.ronly(r0)
	bne	9f
	jsr	pc,itod
	jsr	pc,bread
	bcs	9f
	mov	r0,-(sp)
	jsr	pc,inblock
	mov	r2,r1
	add	$i.mode,r1
	mov	$6,r3
1:
	mov	(r1)+,(r0)+
	sob	r3,1b
	mov	$13.,r3
2:
	movb	(r1)+,(r0)+
	inc	r1
	movb	(r1)+,(r0)+
	movb	(r1)+,(r0)+
	sob	r3,2b
	inc	r0			/ a spare byte; times follow
	mov	$iacc,r3
	jsr	pc,3f
	mov	$iupd,r3
	jsr	pc,3f
	mov	$ichg,r3
	jsr	pc,3f
	bicb	$iupd+iacc+ichg,i.flag(r2)
	mov	(sp)+,r0
	jsr	pc,bdwrite
9:
	rts	pc
3:
	bitb	r3,i.flag(r2)
	beq	4f
	mov	_time,(r0)
	mov	_time+2,2(r0)
4:
	add	$4,r0
	rts	pc

/ Free all blocks of inode r0.
itrunc:
	jsr	r5,save
	mov	r0,r2
	mov	i.mode(r2),r0
	bic	$!ifmt,r0
	beq	1f
	cmp	r0,$ifreg
	beq	1f
	cmp	r0,$ifdir
	bne	9f
1:
	mov	$12.,r4
2:
	mov	r4,r3
	ash	$2,r3
	add	r2,r3
	mov	i.addr+2(r3),r1
	beq	3f
	clr	i.addr(r3)
	clr	i.addr+2(r3)
	mov	r4,r3
	sub	$9.,r3			/ levels of indirect blocks
	bge	4f
	clr	r3
4:
	mov	i.dev(r2),r0
	jsr	pc,tfree
3:
	dec	r4
	bpl	2b
	clr	i.size(r2)
	clr	i.size+2(r2)
	bisb	$iupd+ichg,i.flag(r2)
9:
	rts	pc

/ Free block r1 of device r0 and, if r3 is not 0, those that it lists, with r3
/ levels.
tfree:
	jsr	r5,save
	mov	r0,r2
	mov	r1,r4
	dec	r3
	bmi	3f
	jsr	pc,bread
	bcs	3f
	mov	r0,-(sp)
	mov	b.addr(r0),r5
	add	$512.,r5
	mov	$128.,-(sp)
1:
	mov	-(r5),r1
	tst	-(r5)
	tst	r1
	beq	2f
	mov	r2,r0
	jsr	pc,tfree
2:
	dec	(sp)
	bne	1b
	tst	(sp)+
	mov	(sp)+,r0
	jsr	pc,brelse
3:
	mov	r2,r0
	mov	r4,r1
	jmp	free

/ r0: the block of the disk that is block r1 of the file with inode r0; 0 for a
/ hole. When r2 is not 0 it is to be written: a hole is filled.
maxblk	= 10.+128.+[128.*128.]
bmap:
	jsr	r5,save
	mov	r0,r3
	cmp	r1,$10.
	bhis	1f
	clr	r4			/ levels
	mov	r1,r5
	br	3f
1:
	sub	$10.,r1
	cmp	r1,$128.
	bhis	2f
	mov	$1,r4
	mov	$10.,r5
	br	3f
2:
	sub	$128.,r1
	mov	$2,r4
	mov	$11.,r5
	cmp	r1,$128.*128.
	blo	3f
	jmp	efbig
3:
	mov	r1,-(sp)
	ash	$2,r5
	add	r3,r5
	mov	i.addr+2(r5),r0
	bne	4f
	tst	r2
	beq	7f
	mov	i.dev(r3),r0
	jsr	pc,alloc
	bcs	7f
	mov	b.low(r0),-(sp)
	jsr	pc,bdwrite
	mov	(sp)+,r0
	mov	r0,i.addr+2(r5)
	bisb	$iupd+ichg,i.flag(r3)
4:
	dec	r4
	bmi	9f
	mov	r0,r1			/ an indirect block
	mov	i.dev(r3),r0
	jsr	pc,bread
	bcs	7f
	mov	(sp),r5
	tst	r4
	beq	5f
	ash	$-7,r5
5:
	bic	$!177,r5
	ash	$2,r5
	add	b.addr(r0),r5
	mov	2(r5),r1
	bne	6f
	tst	r2
	beq	6f
	mov	r0,-(sp)
	mov	i.dev(r3),r0
	jsr	pc,alloc
	bcs	8f
	mov	b.low(r0),-(sp)
	jsr	pc,bdwrite
	mov	(sp)+,r1
	clr	(r5)
	mov	r1,2(r5)
	mov	(sp)+,r0
	mov	r1,-(sp)
	jsr	pc,bdwrite
	mov	(sp)+,r0
	br	4b
6:
	mov	r1,-(sp)
	jsr	pc,brelse
	mov	(sp)+,r0
	bne	4b
9:
	clc
7:
	mov	(sp)+,r1		/ leaves C alone
	rts	pc
8:
	mov	(sp)+,r0
	jsr	pc,brelse
	mov	(sp)+,r1
	sec
	rts	pc

	.bss
_inode:	.=.+[i.size0*ninode]
	.text

/ df: how many blocks and inodes of file systems are free; /dev/rk0 is the usual one.

	.text
main:
	sys	sync
	tst	r4
	bne	1f
	mov	$root,r2
	jmp	df
1:
	mov	(r5)+,r2
	jsr	pc,df
	sob	r4,1b
	rts	pc

/ The device r2.
df:
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	r2,opname
	sys	0; opcall
	mov	r0,errno
	bcs	8f
	clr	errno
	mov	r0,r3
	mov	$1,r0
	mov	$super,r1
	jsr	pc,get
	bcs	8f
	mov	super+6,r5		/ free blocks: those in the superblock,
	mov	super+10.,r0		/ and in the chain that the first one starts
	mov	r0,next
	mov	$super+8.,r4
1:
	tst	r5
	beq	3f
	mov	r5,r1
	add	r1,blocks
	tst	2(r4)			/ the last is no block
	bne	2f
	dec	blocks
	br	3f
2:
	mov	2(r4),r0
	mov	$chain,r1
	jsr	pc,get
	bcs	8f
	mov	chain,r5
	cmp	r5,$50.
	bhi	7f
	mov	$chain+2,r4
	br	1b
3:
	mov	$2,r5			/ free inodes
4:
	cmp	r5,super
	bhis	6f
	mov	r5,r0
	mov	$chain,r1
	jsr	pc,get
	bcs	8f
	mov	$chain,r0
5:
	tst	(r0)
	bne	1f
	inc	inodes
1:
	add	$64.,r0
	cmp	r0,$chain+512.
	blo	5b
	inc	r5
	br	4b
6:
	mov	r2,r0
	jsr	pc,puts
	jsr	pc,space
	mov	blocks,r0
	jsr	pc,putnum
	mov	$ofm,r0
	jsr	pc,puts
	mov	super+2,r0
	mov	super+4,r1
	sub	super,r1
	sbc	r0
	jsr	pc,putlong
	mov	$blocksm,r0
	jsr	pc,puts
	mov	inodes,r0
	jsr	pc,putnum
	mov	$inodesm,r0
	jsr	pc,puts
	mov	r3,r0
	sys	close
	clr	blocks
	clr	inodes
	br	9f
7:
	clr	errno
8:
	mov	$cannot,r0
	mov	r2,r1
	jsr	pc,complain
9:
	mov	(sp)+,r5
	mov	(sp)+,r4
	rts	pc

/ Block r0 goes to r1.
get:
	mov	r1,rdat
	mov	r0,r1
	clr	r0
	ashc	$9.,r0
	mov	r0,skhigh
	mov	r1,sklow
	mov	r3,r0
	sys	0; skcall
	mov	r3,r0
	sys	0; rdcall
	bcs	1f
	cmp	r0,$512.
	beq	2f
	mov	$6,r0
1:
	mov	r0,errno
	sec
	rts	pc
2:
	clc
	rts	pc
	.data
opcall:	sys open
opname:	0; 0
skcall:	sys lseek
skhigh:	0
sklow:	0; 0
rdcall:	sys read
rdat:	0; 512.
blocks:	0
inodes:	0
root:	</dev/rk0\0>
ofm:	< of \0>
blocksm: < blocks, \0>
inodesm: < inodes free\n\0>
cannot:	<cannot read \0>
	.even
	.bss
next:	.=.+2
super:	.=.+512.
chain:	.=.+512.

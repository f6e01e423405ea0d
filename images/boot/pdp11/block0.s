/ Block 0 of an RK05 pack. The bootstrap ROM reads it to address 0 and jumps
/ there with the drive number in r0. It finds /rkboot, the second stage, in the
/ root directory of the pack, reads it to `load' and jumps to it with the drive
/ number in r0. Anything wrong: one line on the console, and a halt.
/
/ Limits: /rkboot has an entry in the first 10 blocks of the root directory
/ and is no longer than 10 blocks, so that no indirect block is needed.

load	= 10000		/ the second stage; the stack lies below
buf	= 2000		/ the block with the inode
dbuf	= 3000		/ a block of the directory
magic	= 72153		/ second word of the second stage

rkda	= 177412	/ disk address; below it RKBA, RKWC, RKCS
xcsr	= 177564
xbuf	= 177566

start:
	mov	$load,sp
	bic	$!7,r0
	mov	r0,unit
	ash	$13.,r0
	mov	r0,drive

	mov	$2,r0		/ the root directory
	jsr	pc,iget
	mov	$10.,r5
dir:
	jsr	pc,next
	beq	none
	mov	$dbuf,r4
	jsr	pc,read
1:
	mov	(r4)+,r0	/ r4 is at the name now
	beq	3f
	mov	r4,r2
	mov	$name,r3
2:
	cmp	(r2)+,(r3)+
	bne	3f
	cmp	r3,$name+14.
	blo	2b
	br	found
3:
	add	$14.,r4
	cmp	r4,$dbuf+512.
	blo	1b
	sob	r5,dir
none:
	mov	$nofile,r0
	br	die

found:
	jsr	pc,iget
	mov	$load,r4
	mov	$10.,r5
1:
	jsr	pc,next
	beq	2f
	jsr	pc,read
	add	$512.,r4
	sob	r5,1b
2:
	cmp	*$load+2,$magic
	bne	none
	mov	unit,r0
	jmp	*$load

/ Read inode r0; r1 then points to its block addresses.
iget:
	add	$15.,r0		/ inode 1 is the first of block 2, 8 in a block
	mov	r0,-(sp)
	ash	$-3,r0
	mov	$buf,r4
	jsr	pc,read
	mov	(sp)+,r1
	bic	$!7,r1
	ash	$6,r1
	add	$buf+12.,r1
	rts	pc

/ The next block number of the inode at r1 goes to r0; 0 is the end.
/ Addresses have three bytes: high (0 on an RK05), low, middle.
next:
	tstb	(r1)+
	clr	r2
	bisb	(r1)+,r2
	clr	r0
	bisb	(r1)+,r0
	swab	r0
	bis	r2,r0
	rts	pc

/ Read block r0 to r4. Changes r2 and r3.
read:
	mov	r0,r3
	clr	r2
	div	$12.,r2		/ track and sector
	ash	$4,r2
	bis	r3,r2
	bis	drive,r2
	mov	$rkda+2,r3
	mov	r2,-(r3)
	mov	r4,-(r3)
	mov	$-256.,-(r3)
	mov	$5,-(r3)	/ read
	jsr	pc,ready
	bmi	1f
	rts	pc
1:
	mov	$1,(r3)		/ reset the controller and try again
	jsr	pc,ready
	dec	tries
	bne	read
	mov	$bad,r0

/ Print the line at r0 and halt.
die:
	movb	(r0)+,r2
	beq	2f
1:
	tstb	*$xcsr
	bpl	1b
	movb	r2,*$xbuf
	br	die
2:
	tstb	*$xcsr		/ let the last character out
	bpl	2b
	halt
	jmp	start

/ Wait for the controller at r3; N says that it met an error.
ready:
	tstb	(r3)
	bpl	ready
	tst	(r3)
	rts	pc

tries:	10.
unit:	0
drive:	0		/ unit in bits 15-13, as in RKDA
name:	<rkboot\0\0\0\0\0\0\0\0>
nofile:	<no /rkboot on this pack\r\n\0>
bad:	<disk error\r\n\0>
	.even

/ The buffer cache. A buffer holds one block of a device. It is busy while
/ somebody uses it or the device works on it; all others are on the list of free
/ ones, least recently used first, and on their device's list, where they are found
/ again. A block that was changed stays here, marked bdelwri, until its buffer is
/ needed or somebody calls sync.

	.text
/ At the start all buffers are free and belong to no device.
binit:
	jsr	r5,save
	mov	$_bfreelist,r0
	mov	r0,b.forw(r0)
	mov	r0,b.back(r0)
	mov	r0,av.forw(r0)
	mov	r0,av.back(r0)
	mov	$nodev,b.dev(r0)
	mov	$_rktab,r0
	mov	r0,b.forw(r0)
	mov	r0,b.back(r0)
	mov	$_buf,r2
	mov	$_buffers,r3
1:
	mov	$bbusy,b.flags(r2)
	mov	$nodev,b.dev(r2)
	mov	r3,b.addr(r2)
	mov	$_bfreelist,r0
	jsr	pc,binsert
	mov	r2,r0
	jsr	pc,brelse
	add	$514.,r3
	add	$b.size,r2
	cmp	r2,$_buf+[b.size*nbuf]
	blo	1b
	rts	pc

binsert:			/ buffer r2 becomes the first of the list r0
	mov	b.forw(r0),r1
	mov	r1,b.forw(r2)
	mov	r0,b.back(r2)
	mov	r2,b.back(r1)
	mov	r2,b.forw(r0)
	rts	pc

notavail:			/ buffer r2 is not free any more
	mov	psw,-(sp)
	spl	6
	mov	av.forw(r2),r0
	mov	av.back(r2),r1
	mov	r0,av.forw(r1)
	mov	r1,av.back(r0)
	bis	$bbusy,b.flags(r2)
	mov	(sp)+,psw
	rts	pc

/ r0: a buffer for block r1 of device r0, busy; it may hold the block already.
getblk:
	jsr	r5,save
	mov	r0,r3
	mov	r1,r4
1:
	mov	$_rktab,r2
2:
	mov	b.forw(r2),r2
	cmp	r2,$_rktab
	beq	4f
	cmp	r4,b.low(r2)
	bne	2b
	cmp	r3,b.dev(r2)
	bne	2b
	spl	6
	bit	$bbusy,b.flags(r2)
	beq	3f
	bis	$bwanted,b.flags(r2)
	mov	r2,r0
	mov	$pribio+1,r1
	jsr	pc,sleep
	spl	0
	br	1b
3:
	spl	0
	jsr	pc,notavail
	mov	r2,r0
	clc
	rts	pc
4:
	jsr	pc,getfree
	bcs	1b			/ it may have come while we slept
	mov	r3,b.dev(r2)
	mov	r4,b.low(r2)
	clr	b.blkno(r2)
	clrb	b.error(r2)
	mov	$_rktab,r0
	jsr	pc,binsert
	mov	r2,r0
	clc
	rts	pc

/ r2: the least recently used buffer, busy and on no device's list. C set: that was
/ not to be had at once, and much may have happened meanwhile.
getfree:
	spl	6
	mov	_bfreelist+av.forw,r2
	cmp	r2,$_bfreelist
	bne	1f
	bis	$bwanted,_bfreelist
	mov	$_bfreelist,r0
	mov	$pribio+1,r1
	jsr	pc,sleep
	spl	0
	sec
	rts	pc
1:
	spl	0
	jsr	pc,notavail
	bit	$bdelwri,b.flags(r2)
	beq	2f
	bis	$basync,b.flags(r2)
	mov	r2,r0
	jsr	pc,bwrite
	sec
	rts	pc
2:
	mov	$bbusy,b.flags(r2)
	mov	b.forw(r2),r0
	mov	b.back(r2),r1
	mov	r0,b.forw(r1)
	mov	r1,b.back(r0)
	clc
	rts	pc

/ r0: a buffer that belongs to no device.
geteblk:
	jsr	r5,save
1:
	jsr	pc,getfree
	bcs	1b
	mov	$nodev,b.dev(r2)
	mov	$_bfreelist,r0
	jsr	pc,binsert
	mov	r2,r0
	clc
	rts	pc

/ r0: a buffer with block r1 of device r0. C set: an error, and no buffer.
bread:
	jsr	r5,save
	jsr	pc,getblk
	mov	r0,r2
	bit	$bdone,b.flags(r2)
	bne	1f
	bis	$bread.,b.flags(r2)
	jsr	pc,rkstrat
	mov	r2,r0
	jsr	pc,iowait
	bcc	1f
	mov	r2,r0
	jsr	pc,brelse
	sec
	rts	pc
1:
	mov	r2,r0
	clc
	rts	pc

/ Write buffer r0, and wait unless it is basync.
bwrite:
	jsr	r5,save
	mov	r0,r2
	mov	b.flags(r2),r3
	bic	$bread.+bdone+berror+bdelwri,b.flags(r2)
	jsr	pc,rkstrat
	bit	$basync,r3
	bne	1f
	mov	r2,r0
	jsr	pc,iowait
	mov	r2,r0
	jsr	pc,brelse
1:
	rts	pc

/ Let buffer r0 go; it is to be written some time.
bdwrite:
	bis	$bdelwri+bdone,b.flags(r0)

/ Let buffer r0 go.
brelse:
	jsr	r5,save
	mov	r0,r2
	bit	$bwanted,b.flags(r2)
	beq	1f
	jsr	pc,wakeup
1:
	bit	$bwanted,_bfreelist
	beq	2f
	bic	$bwanted,_bfreelist
	mov	$_bfreelist,r0
	jsr	pc,wakeup
2:
	mov	psw,r3
	spl	6
	bit	$berror,b.flags(r2)
	beq	3f
	mov	$nodev,b.dev(r2)	/ nobody shall find it
	bic	$bdelwri,b.flags(r2)
3:
	mov	$_bfreelist,r0
	bit	$bage,b.flags(r2)
	beq	4f
	mov	av.forw(r0),r1		/ to the front
	br	5f
4:
	mov	r0,r1			/ to the end
	mov	av.back(r1),r0
5:
	mov	r1,av.forw(r2)
	mov	r0,av.back(r2)
	mov	r2,av.back(r1)
	mov	r2,av.forw(r0)
	bic	$bwanted+bbusy+basync+bage,b.flags(r2)
	mov	r3,psw
	rts	pc

/ Wait until the device is done with buffer r0. C set: it could not do it.
iowait:
	mov	r2,-(sp)
	mov	r0,r2
	spl	6
1:
	bit	$bdone,b.flags(r2)
	bne	2f
	mov	r2,r0
	mov	$pribio,r1
	jsr	pc,sleep
	br	1b
2:
	spl	0
	bit	$berror,b.flags(r2)
	beq	3f
	mov	(sp)+,r2
	tstb	u.error
	bne	4f
	movb	$5,u.error		/ EIO
4:
	sec
	rts	pc
3:
	mov	(sp)+,r2
	clc
	rts	pc

/ The device is done with buffer r0.
iodone:
	bis	$bdone,b.flags(r0)
	bit	$basync,b.flags(r0)
	jne	brelse
	bic	$bwanted,b.flags(r0)
	jmp	wakeup

/ Fill buffer r0 with zeros.
clrbuf:
	mov	r0,-(sp)
	mov	b.addr(r0),r0
	mov	$128.,r1
1:
	clr	(r0)+
	clr	(r0)+
	sob	r1,1b
	mov	(sp)+,r0
	rts	pc

/ Write all blocks that wait for it, without waiting.
bflush:
	jsr	r5,save
1:
	spl	6
	mov	$_bfreelist,r2
2:
	mov	av.forw(r2),r2
	cmp	r2,$_bfreelist
	beq	3f
	bit	$bdelwri,b.flags(r2)
	beq	2b
	jsr	pc,notavail
	bis	$basync,b.flags(r2)
	spl	0
	mov	r2,r0
	jsr	pc,bwrite
	br	1b
3:
	spl	0
	rts	pc

	.bss
_bfreelist: .=.+b.size
_buf:	.=.+[b.size*nbuf]
_buffers: .=.+[514.*nbuf]

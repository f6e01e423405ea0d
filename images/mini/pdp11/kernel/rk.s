/ The RK11 controller with its RK05 drives. Requests wait in a queue, first come
/ first served, and the controller works on the first. Buffers lie below 64K bytes,
/ where a physical address is a bus address, if the Unibus map of an 11/70 maps
/ each to itself (the bootstrap has seen to that).

	.text
/ Put buffer r0 into the queue.
rkstrat:
	jsr	r5,save
	mov	r0,r2
	cmp	b.low(r2),$rkblks
	blo	1f
	bis	$berror,b.flags(r2)
	jmp	iodone
1:
	clr	av.forw(r2)
	mov	psw,r3
	spl	6
	tst	_rktab+av.forw
	bne	2f
	mov	r2,_rktab+av.forw
	br	3f
2:
	mov	_rktab+av.back,r1
	mov	r2,av.forw(r1)
3:
	mov	r2,_rktab+av.back
	tst	_rktab+b.activ
	bne	4f
	jsr	pc,rkstart
4:
	mov	r3,psw
	rts	pc

/ Start with the first in the queue.
rkstart:
	jsr	r5,save
	mov	_rktab+av.forw,r2
	beq	1f
	mov	$1,_rktab+b.activ
	mov	b.low(r2),r1
	clr	r0
	div	$12.,r0			/ track and sector
	ash	$4,r0
	bis	r1,r0
	mov	b.dev(r2),r1
	bic	$!7,r1
	ash	$13.,r1
	bis	r1,r0
	mov	$rkda,r3
	mov	r0,(r3)
	mov	b.addr(r2),-(r3)
	mov	$-256.,-(r3)
	mov	$103,r0			/ write, interrupt, go
	bit	$bread.,b.flags(r2)
	beq	2f
	mov	$105,r0			/ read
2:
	mov	r0,-(r3)
1:
	rts	pc

/ It is done.
rkdone:
	jsr	r5,save
	tst	_rktab+b.activ
	beq	3f
	mov	_rktab+av.forw,r2
	clr	_rktab+b.activ
	tst	rkcs
	bpl	2f
	mov	$1,rkcs			/ reset the controller and try again
1:
	tstb	rkcs
	bpl	1b
	inc	_rktab+b.errcn
	cmp	_rktab+b.errcn,$10.
	blos	4f
	bis	$berror,b.flags(r2)
2:
	clr	_rktab+b.errcn
	mov	av.forw(r2),_rktab+av.forw
	mov	r2,r0
	jsr	pc,iodone
4:
	jsr	pc,rkstart
3:
	rts	pc

nulldev:
	clc
	rts	pc

	.data
_rootdev: 0
_swapdev: nodev			/ there is none
_swplo:	0; 0
_nblkdev: 1
_bdevsw:			/ open, close, strategy, table
	nulldev; nulldev; rkstrat; _rktab
	0; 0; 0; 0

	.bss
_rktab:	.=.+b.size
	.text

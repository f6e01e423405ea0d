/ Instructions that trap, for C.
.globl	_errno, _illegal, _bpt, _emt, _iot, _badsys, _overflow
_illegal:
	7
	rts	pc
_bpt:
	3
	rts	pc
_emt:
	104000
	rts	pc
_iot:
	4
	rts	pc
_badsys:
	sys	45.
	bec	1f
	mov	r0,_errno
	mov	$-1,r0
1:	rts	pc
_overflow:
	ldfps	$1000		/ interrupt on overflow
	movf	big,fr0
	mulf	fr0,fr0
	rts	pc
.data
big:	77777; 177777

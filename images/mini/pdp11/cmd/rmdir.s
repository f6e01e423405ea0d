/ rmdir: remove empty directories: the links .. and . in them, then their names.

	.text
main:
	tst	r4
	bne	1f
	mov	$usage,r0
	mov	$nothing,r1
	jmp	complain
1:
	mov	(r5)+,r0
	jsr	pc,rmdir
	sob	r4,1b
	rts	pc
	.data
usage:	<usage: rmdir directory ...\0>
	.even

/ echo: the arguments. With -n there is no newline behind them.
	.text
main:
	mov	$1,r3			/ a newline
	tst	r4
	beq	4f
	mov	(r5),r0
	mov	$minusn,r1
	jsr	pc,strcmp
	bne	1f
	clr	r3
	tst	(r5)+
	dec	r4
1:
	tst	r4
	beq	4f
2:
	mov	(r5)+,r0
	jsr	pc,puts
	dec	r4
	beq	4f
	jsr	pc,space
	br	2b
4:
	tst	r3
	beq	5f
	jsr	pc,newline
5:
	rts	pc
	.data
minusn:	<-n\0>
	.even

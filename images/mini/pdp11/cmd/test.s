/ test: the status says whether something holds: -f file, -d directory, -r readable, -s
/ not empty, -n and -z a string's length, a = b, a != b, and a -eq b, -ne, -lt, -gt for
/ numbers. ! before it is the contrary.

	.text
main:
	inc	status			/ it does not
	tst	r4
	beq	9f
	mov	(r5),r0
	mov	$not,r1
	jsr	pc,strcmp
	bne	1f
	tst	(r5)+
	dec	r4
	jsr	pc,1f
	mov	$1,r0
	xor	r0,status
	rts	pc
1:
	cmp	r4,$3
	beq	three
	cmp	r4,$2
	beq	two
	tstb	*(r5)			/ a string that is not empty
	beq	9f
yes:
	clr	status
9:
	rts	pc
two:
	mov	(r5)+,r0
	movb	1(r0),r2
	mov	(r5),r0
	cmp	r2,$'n
	bne	1f
	tstb	(r0)
	bne	yes
	rts	pc
1:
	cmp	r2,$'z
	bne	1f
	tstb	(r0)
	beq	yes
	rts	pc
1:
	jsr	pc,getstat
	bcs	9b
	mov	st.mode,r0
	bic	$7777,r0
	cmp	r2,$'d
	bne	1f
	cmp	r0,$40000
	beq	yes
	rts	pc
1:
	cmp	r2,$'f
	bne	1f
	cmp	r0,$40000
	bne	yes
	rts	pc
1:
	cmp	r2,$'s
	bne	yes
	tst	st.size
	bne	yes
	tst	st.size+2
	bne	yes
	rts	pc
three:
	mov	2(r5),r2
	mov	(r5),r0
	mov	4(r5),r1
	cmpb	(r2),$'=
	bne	1f
	jsr	pc,strcmp
	beq	yes
	rts	pc
1:
	cmpb	(r2),$'!
	bne	1f
	jsr	pc,strcmp
	bne	yes
	rts	pc
1:
	mov	r1,-(sp)
	jsr	pc,number
	mov	r0,r3
	mov	(sp)+,r0
	jsr	pc,number
	cmp	r3,r0
	beq	2f
	blt	3f
	cmpb	1(r2),$'g
	beq	yes
	br	4f
3:
	cmpb	1(r2),$'l
	beq	yes
4:
	cmpb	1(r2),$'n
	beq	yes
	rts	pc
2:
	cmpb	1(r2),$'e
	beq	yes
	rts	pc
	.data
not:	<!\0>
	.even

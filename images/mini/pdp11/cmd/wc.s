/ wc: how many lines, words and characters files have.

	.text
main:
	tst	r4
	bne	1f
	clr	r3
	clr	r5
	jmp	count
1:
	mov	r4,many
2:
	mov	(r5),r0
	mov	r0,opname
	sys	0; opcall
	bcc	3f
	mov	r0,errno
	mov	$cannot,r0
	mov	(r5)+,r1
	jsr	pc,complain
	br	4f
3:
	mov	r0,r3
	jsr	pc,count
	mov	r3,r0
	sys	close
	tst	(r5)+
4:
	sob	r4,2b
	cmp	many,$1
	beq	9f
	mov	$total,r3
	jsr	pc,print
	jsr	pc,space
	mov	$totalm,r0
	jsr	pc,puts
	jmp	newline
9:
	rts	pc

/ Count what descriptor r3 has; the name is at r5, if that is not 0.
count:
	mov	r4,-(sp)
	mov	$lines,r0
	mov	$6,r1
1:
	clr	(r0)+
	sob	r1,1b
	clr	r4			/ in a word
2:
	mov	r3,r0
	sys	read; buf; 512.
	bcs	8f
	tst	r0
	beq	8f
	mov	$buf,r1
3:
	add	$1,chars+2
	adc	chars
	movb	(r1)+,r2
	cmp	r2,$'\n
	bne	4f
	add	$1,lines+2
	adc	lines
	br	5f
4:
	cmp	r2,$40
	beq	5f
	cmp	r2,$'\t
	beq	5f
	tst	r4
	bne	6f
	inc	r4
	add	$1,words+2
	adc	words
	br	6f
5:
	clr	r4
6:
	sob	r0,3b
	br	2b
8:
	mov	$lines,r0
	mov	$total,r1
	mov	$3,r2
7:
	add	2(r0),2(r1)
	adc	(r1)
	add	(r0),(r1)
	cmp	(r0)+,(r0)+
	cmp	(r1)+,(r1)+
	sob	r2,7b
	mov	r3,-(sp)
	mov	$lines,r3
	jsr	pc,print
	tst	r5
	beq	9f
	jsr	pc,space
	mov	(r5),r0
	jsr	pc,puts
9:
	mov	(sp)+,r3
	mov	(sp)+,r4
	jmp	newline

/ Print the three numbers at r3.
print:
	mov	$3,r2
	mov	$7,width
1:
	cmp	r2,$1
	bne	2f
	inc	width			/ as V7 does it
2:
	mov	(r3)+,r0
	mov	(r3)+,r1
	jsr	pc,putwide
	sob	r2,1b
	rts	pc

	.data
opcall:	sys open
opname:	0; 0
many:	0
cannot:	<cannot open \0>
totalm:	<total\0>
	.even
	.bss
lines:	.=.+4
words:	.=.+4
chars:	.=.+4
total:	.=.+12.
buf:	.=.+512.

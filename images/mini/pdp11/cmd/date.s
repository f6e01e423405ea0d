/ date: the time; date yymmddhhmm sets it (years from 70 on, then 00 to 37).

	.text
main:
	tst	r4
	bne	set
	sys	time
	jsr	pc,calendar
	mov	weekday,r1
	mov	$weekdays,r0
	jsr	pc,name
	mov	month,r1
	mov	$months,r0
	jsr	pc,name
	mov	day,r1
	clr	r0
	mov	$2,width
	jsr	pc,putwide
	jsr	pc,space
	mov	hour,r0
	jsr	pc,put2
	mov	$':,r0
	jsr	pc,putc
	mov	minute,r0
	jsr	pc,put2
	mov	$':,r0
	jsr	pc,putc
	mov	second,r0
	jsr	pc,put2
	mov	$zone,r0
	jsr	pc,puts
	mov	year,r0
	add	$1900.,r0
	jsr	pc,putnum
	jmp	newline
name:
	asl	r1
	asl	r1
	add	r1,r0
	jsr	pc,puts
	jmp	space

set:
	mov	(r5),r5
	jsr	pc,two
	cmp	r0,$70.
	bhis	1f
	add	$100.,r0
1:
	mov	r0,r2			/ year
	mov	r0,r1			/ days: years, leap years before it, months
	sub	$70.,r1
	mul	$365.,r1
	mov	r2,r0
	sub	$69.,r0
	asr	r0
	asr	r0
	add	r0,r1
	mov	r1,r3
	jsr	pc,two
	mov	r0,r4
	beq	bad
	cmp	r4,$12.
	bhi	bad
	cmp	r4,$2
	blos	2f
	bit	$3,r2
	bne	2f
	inc	r3
2:
	clr	r2
3:
	dec	r4
	beq	4f
	movb	mdays(r2),r0
	add	r0,r3
	inc	r2
	br	3b
4:
	jsr	pc,two
	dec	r0
	add	r0,r3
	jsr	pc,two
	mov	r0,r4			/ hours
	jsr	pc,two
	mov	r0,r5			/ minutes
	mov	r3,r0			/ seconds: ((days * 24 + hours) * 60 + minutes) * 60
	clr	r2
	mov	r0,r3
	mov	$24.,r1
	mov	r4,r0
	jsr	pc,muladd
	mov	$60.,r1
	mov	r5,r0
	jsr	pc,muladd
	mov	$60.,r1
	clr	r0
	jsr	pc,muladd
	mov	r2,r0
	mov	r3,r1
	sys	stime
	bcc	9f
	mov	r0,errno
bad:
	mov	$usage,r0
	mov	$empty,r1
	jmp	complain
9:
	rts	pc
/ The long r2,,r3 times r1, plus r0.
muladd:
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	r2,r4
	mov	r3,r5
	clr	r2
	mov	r0,r3
1:
	add	r5,r3
	adc	r2
	add	r4,r2
	sob	r1,1b
	mov	(sp)+,r5
	mov	(sp)+,r4
	rts	pc
/ r0: the next two digits.
two:
	movb	(r5)+,r1
	sub	$'0,r1
	cmp	r1,$9.
	bhi	1f
	mul	$10.,r1
	movb	(r5)+,r0
	sub	$'0,r0
	cmp	r0,$9.
	bhi	1f
	add	r1,r0
	rts	pc
1:
	tst	(sp)+
	br	bad
	.data
zone:	< GMT \0>
usage:	<usage: date yymmddhhmm\0>
empty:	<\0>
	.even

/ From seconds to dates, in universal time. Assembled into programs that need it.

	.text
/ Take the long r0,,r1 apart to year (since 1900), month and day, hour, minute,
/ second, and the day of the week (0 is Sunday).
calendar:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	$60.,r3
	jsr	pc,divide
	mov	r2,second
	jsr	pc,divide
	mov	r2,minute
	mov	$24.,r3
	jsr	pc,divide
	mov	r2,hour
	mov	r0,-(sp)		/ days since 1970, a Thursday
	mov	r1,-(sp)
	add	$4,r1
	mov	$7,r3
	jsr	pc,divide
	mov	r2,weekday
	mov	(sp)+,r1
	mov	(sp)+,r0
	mov	$70.,r2
1:
	mov	$365.,r0
	bit	$3,r2			/ right from 1901 to 2099
	bne	2f
	inc	r0
2:
	cmp	r1,r0
	blo	3f
	sub	r0,r1
	inc	r2
	br	1b
3:
	mov	r2,year
	clr	r3
4:
	movb	mdays(r3),r0
	cmp	r3,$1
	bne	5f
	bit	$3,r2
	bne	5f
	inc	r0
5:
	cmp	r1,r0
	blo	6f
	sub	r0,r1
	inc	r3
	br	4b
6:
	mov	r3,month
	inc	r1
	mov	r1,day
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc
/ Print r0 with two digits.
put2:
	mov	r0,r1
	clr	r0
	div	$10.,r0
	mov	r1,-(sp)
	add	$'0,r0
	jsr	pc,putc
	mov	(sp)+,r0
	add	$'0,r0
	jmp	putc

	.data
mdays:	.byte 31.,28.,31.,30.,31.,30.,31.,31.,30.,31.,30.,31.
months:	<Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec\0>
weekdays: <Sun\0Mon\0Tue\0Wed\0Thu\0Fri\0Sat\0>
	.even
	.bss
year:	.=.+2
month:	.=.+2
day:	.=.+2
hour:	.=.+2
minute:	.=.+2
second:	.=.+2
weekday: .=.+2
	.text

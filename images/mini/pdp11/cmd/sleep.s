/ sleep: wait for some seconds.
	.text
main:
	tst	r4
	beq	9f
	mov	(r5),r0
	jsr	pc,number
	tst	r0
	beq	9f
	mov	r0,r2
	sys	signal; 14.; wake
	mov	r2,r0
	sys	alarm
	sys	pause
9:
	rts	pc
wake:
	rti

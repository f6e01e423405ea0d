/ update: sync every thirty seconds, so that a power cut costs no more than that.
	.text
main:
	sys	signal; 2; 1
	sys	signal; 3; 1
	sys	fork
	br	1f
	rts	pc
1:
	sys	sync
	sys	signal; 14.; wake
	mov	$30.,r0
	sys	alarm
	sys	pause
	br	1b
wake:
	rti

/ sync: have the system write everything out.
	.text
main:
	sys	sync
	rts	pc

/ Process 1: it opens the console, has the shell do /etc/rc, and then starts shells
/ for the console for ever. All processes without a parent are its children.

	.text
main:
	sys	open; console; 2
	clr	r0
	sys	dup
	clr	r0
	sys	dup
	sys	signal; 2; 1
	sys	signal; 3; 1
	sys	access; rc; 4
	bcs	1f
	mov	$rcargs,r2
	jsr	pc,shell
1:
	mov	$shargs,r2
	jsr	pc,shell
	br	1b

/ Run a shell with the arguments r2, and wait until it has ended.
shell:
	mov	r2,shargv
	sys	fork
	br	2f
	bcs	1f
	mov	r0,r3
1:
	sys	wait.
	cmp	r0,r3
	bne	1b
	rts	pc
2:
	sys	signal; 2; 0
	sys	signal; 3; 0
	sys	0; shcall
	mov	r0,errno
	mov	$noshell,r0
	mov	$sh,r1
	jsr	pc,complain
	sys	exit

	.data
shcall:	sys exece; sh
shargv:	0; env
shargs:	name; 0
rcargs:	name; rc; 0
env:	path; home; 0
console: </dev/console\0>
sh:	</bin/sh\0>
rc:	</etc/rc\0>
name:	<sh\0>
path:	<PATH=:/bin:/etc:/usr/bin\0>
home:	<HOME=/\0>
noshell: <cannot execute \0>
	.even

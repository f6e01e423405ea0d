/ System calls. A program executes `sys n'; some arguments are in r0 and r1, the
/ others in the words behind the instruction. The result is in r0 (and r1), C is
/ clear. When C is set, r0 says what went wrong.
/
/ A call returns with C set and u.error, or puts its result to ur0 and ur1.

	.text
syscall:
	bit	$umode,2(sp)
	bne	1f
	mov	(sp),r5
	mov	$trapmsg,r0
	jmp	panic
1:
	jsr	r0,enter
	clrb	u.error
	clrb	u.segfl
	mov	upc,r0
	sub	$2,r0
	jsr	pc,fuiword		/ the instruction
	bcs	8f
	mov	$fuiword,r5		/ how to get an argument,
	mov	upc,r3			/ and where
	bit	$77,r0
	bne	2f
	mov	r3,r0			/ indir: instruction and arguments are at
	jsr	pc,fuiword		/ the address that follows, in data space
	bcs	8f
	add	$2,upc
	mov	r0,r3
	mov	$fuword,r5
	jsr	pc,(r5)
	bcs	8f
	add	$2,r3
	mov	r0,r1
	bic	$!77,r1
	beq	8f
2:
	bic	$!77,r0
	ash	$2,r0
	mov	sysent+2(r0),-(sp)
	mov	sysent(r0),r4
	mov	$u.arg,r2
	tstb	r4
	beq	4f
	mov	ur0,(r2)+
	bitb	$2,r4
	beq	4f
	mov	ur1,(r2)+
4:
	swab	r4
	bic	$!377,r4
	beq	6f
5:
	mov	r3,r0
	jsr	pc,(r5)
	bcs	7f
	mov	r0,(r2)+
	add	$2,r3
	sob	r4,5b
6:
	cmp	r5,$fuiword
	bne	7f
	mov	r3,upc
7:
	mov	(sp)+,r0
	mov	u.arg,u.dirp
	jsr	pc,(r0)
	bcs	sysdone
	bic	$1,ups
	jmp	leave
8:
	jsr	pc,efault
sysdone:
	clr	r0
	bisb	u.error,r0
	mov	r0,ur0
	bis	$1,ups
	jmp	leave

nosys:
	mov	$12.,r1			/ SIGSYS
	mov	u.procp,r0
	jsr	pc,psignal
	jmp	einval
nullsys:
	clc
	rts	pc

/ Errors, by the name that intro(2) has for them.
eperm:	movb	$1,u.error
	br	failed
enoent:	movb	$2,u.error
	br	failed
eio:	movb	$5,u.error
	br	failed
enxio:	movb	$6,u.error
	br	failed
e2big:	movb	$7,u.error
	br	failed
enoexec: movb	$8.,u.error
	br	failed
ebadf:	movb	$9.,u.error
	br	failed
eacces:	movb	$13.,u.error
	br	failed
efault:	movb	$14.,u.error
	br	failed
enotblk: movb	$15.,u.error
	br	failed
ebusy:	movb	$16.,u.error
	br	failed
eexist:	movb	$17.,u.error
	br	failed
exdev:	movb	$18.,u.error
	br	failed
enotdir: movb	$20.,u.error
	br	failed
eisdir:	movb	$21.,u.error
	br	failed
enfile:	movb	$23.,u.error
	br	failed
emfile:	movb	$24.,u.error
	br	failed
enotty:	movb	$25.,u.error
	br	failed
efbig:	movb	$27.,u.error
	br	failed
enospc:	movb	$28.,u.error
	br	failed
espipe:	movb	$29.,u.error
	br	failed
epipe:	movb	$32.,u.error
	br	failed
erofs:	movb	$30.,u.error
	br	failed
emlink:	movb	$31.,u.error
failed:
	sec
	rts	pc

/ Calls of a few lines.
getpid:
	mov	u.procp,r0
	mov	p.pid(r0),ur0
	clc
	rts	pc
getuid:
	mov	u.ruid,ur0
	mov	u.uid,ur1
	clc
	rts	pc
getgid:
	mov	u.rgid,ur0
	mov	u.gid,ur1
	clc
	rts	pc
setuid:
	cmp	u.arg,u.ruid
	beq	1f
	jsr	pc,suser
	bcs	9f
1:
	mov	u.arg,u.uid
	mov	u.arg,u.ruid
	mov	u.procp,r0
	mov	u.arg,p.uid(r0)
	clc
9:
	rts	pc
setgid:
	cmp	u.arg,u.rgid
	beq	1f
	jsr	pc,suser
	bcs	9f
1:
	mov	u.arg,u.gid
	mov	u.arg,u.rgid
	clc
9:
	rts	pc
suser:				/ C set: not the super-user
	tst	u.uid
	jne	eperm
	rts	pc
umask:
	mov	u.umask,ur0
	mov	u.arg,r0
	bic	$!777,r0
	mov	r0,u.umask
	clc
	rts	pc
gtime:
	mov	_time,ur0
	mov	_time+2,ur1
	clc
	rts	pc
stime:
	jsr	pc,suser
	bcs	9f
	mov	u.arg,_time
	mov	u.arg+2,_time+2
	clc
9:
	rts	pc
ftime:				/ seconds, milliseconds, zone and daylight saving
	mov	$u.arg+2,r2
	mov	_time,(r2)+
	mov	_time+2,(r2)+
	mov	ticks,r1
	mul	$16.,r1			/ a tick is nearly 17 ms
	mov	r1,(r2)+
	clr	(r2)+
	clr	(r2)+
	mov	$u.arg+2,r0
	mov	u.arg,r1
	mov	$10.,r2
	jmp	copyout
times:
	mov	$u.utime,r0
	mov	u.arg,r1
	mov	$16.,r2
	jmp	copyout

/ Each call: arguments in registers, and 400 times those behind the instruction;
/ then the routine.
	.data
sysent:
	0;	nullsys			/ indir
	1;	rexit
	0;	fork
	1001;	read
	1001;	write
	1000;	open
	1;	close
	0;	wait.
	1000;	creat
	1000;	link
	400;	unlink
	1000;	exec
	400;	chdir
	0;	gtime
	1400;	mknod
	1000;	chmod
	1400;	chown
	400;	sbreak
	1000;	stat
	1401;	lseek
	0;	getpid			/ 20.
	1400;	mount
	400;	umount
	1;	setuid
	0;	getuid
	3;	stime
	0;	nosys			/ ptrace
	1;	alarm
	401;	fstat
	0;	pause
	1000;	utime			/ 30.
	401;	stty
	401;	gtty
	1000;	access
	1;	nullsys			/ nice
	400;	ftime
	0;	sync
	401;	kill
	0;	nullsys
	0;	nullsys
	0;	nosys			/ 40.
	3;	dup
	0;	pipe
	400;	times
	2000;	nullsys			/ profil
	0;	nosys
	1;	setgid
	0;	getgid
	1000;	ssig
	0;	nosys
	0;	nosys			/ 50.
	400;	nullsys			/ acct
	1400;	nosys			/ phys
	400;	nullsys			/ lock
	1400;	ioctl
	0;	nosys
	0;	nosys			/ mpx
	0;	nosys
	0;	nosys
	1400;	exece
	400;	umask			/ 60.
	0;	nosys
	0;	nosys
	0;	nosys
	.text

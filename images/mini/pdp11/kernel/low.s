/ Where the hardware enters the kernel: the vectors, the start, traps, interrupts,
/ and the way back to the program.
/
/ The bootstrap has put data at physical 0 and turned memory management on with
/ separate spaces: data space starts with the vectors, text space has the code. So
/ code cannot be read as data, and no string or table may lie in .text.

	.data
	.=4
	buserr; 340
	badins; 340
	bpttrap; 340
	iottrap; 340
	stray; 340		/ power fail
	emttrap; 340
	start; 340		/ the bootstrap enters here; later: syscall
	.=60
	kbdint; 340
	prtint; 340
	.=100
	clkint; 340
	.=114
	buserr; 340		/ parity
	.=220
	rkint; 340
	.=240
	stray; 340		/ a programmed interrupt
	fpterr; 340
	segv; 340
	.=400

nofault: 0		/ where a trap in kernel mode goes on

	.text
	halt			/ nothing is at 0

/ r2-r5 are saved for the caller of a routine that starts with `jsr r5,save'; its
/ rts comes back here. C and r0, r1 are left to the routine: it returns results in
/ these, and C set says that it failed, with u.error saying why.
save:
	mov	r4,-(sp)
	mov	r3,-(sp)
	mov	r2,-(sp)
	jsr	pc,(r5)
	mov	(sp)+,r2
	mov	(sp)+,r3
	mov	(sp)+,r4
	mov	(sp)+,r5
	rts	pc

/ Traps. `enter' saves the program's registers, and comes back behind its call.
enter:
	mov	r1,-(sp)
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r5,-(sp)
	mfpi	sp
	spl	0
	jmp	(r0)

badins:
	jsr	r0,utrap
	mov	$sigill,r1
	br	signal
bpttrap:
	jsr	r0,utrap
	mov	$sigtrap,r1
	br	signal
iottrap:
	jsr	r0,utrap
	mov	$sigiot,r1
	br	signal
emttrap:
	jsr	r0,utrap
	mov	$sigemt,r1
	br	signal
fpterr:
	jsr	r0,utrap
	mov	$sigfpe,r1
	br	signal
buserr:
	jsr	r0,utrap
	mov	$sigbus,r1
signal:
	mov	u.procp,r0
	jsr	pc,psignal
	jmp	leave

/ A trap of user mode. One of kernel mode is either expected, when the kernel
/ touches memory that may not be there, or the end.
utrap:
	bit	$umode,4(sp)
	bne	enter
	tst	nofault
	beq	1f
	mov	(sp)+,r0
	mov	nofault,(sp)
	rtt
1:
	mov	2(sp),r5
	mov	$trapmsg,r0
	jmp	panic

/ A program has touched what it has not. The registers of memory management say
/ what it did; until mmr0 is written they stand still. When it was the stack that
/ is too small, the instruction is undone (mmr1 has what it did to which registers,
/ mmr2 where it starts) and done again with a larger one.
segv:
	bit	$umode,2(sp)
	bne	1f
	mov	$1,mmr0
	br	buserr
1:
	jsr	r0,enter
	mov	mmr1,r2
	mov	mmr2,r3
	mov	$1,mmr0
	mov	usp,r0
	movb	r2,r1
	jsr	pc,undo
	swab	r2
	movb	r2,r1
	jsr	pc,undo
	jsr	pc,grow
	bcs	2f
	mov	r0,usp
	mov	r3,upc
	jmp	leave
2:
	mov	$sigsegv,r1
	br	signal

/ Undo r1, half of mmr1: the register's number in bits 0-2, above it what was
/ added to it. The stack pointer is kept in r0 until it is known that this helps.
undo:
	mov	r1,r4
	bic	$!7,r4
	ash	$-3,r1
	beq	2f
	cmp	r4,$6
	bhi	2f
	beq	1f
	asl	r4
	neg	r4
	sub	r1,ur0(r4)
	rts	pc
1:
	sub	r1,r0
2:
	rts	pc

/ Interrupts. When they come from user mode the program is left for good: another
/ may run instead. From kernel mode they return at once.
kbdint:
	jsr	r0,intr
	jmp	ttyrx
prtint:
	jsr	r0,intr
	jmp	ttytx
clkint:
	jsr	r0,intr
	jmp	clock
rkint:
	jsr	r0,intr
	jmp	rkdone
stray:
	rtt

intr:
	bit	$umode,4(sp)
	bne	1f
	mov	r1,-(sp)
	jsr	pc,(r0)
	mov	(sp)+,r1
	mov	(sp)+,r0
	rtt
1:
	mov	r1,-(sp)
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r5,-(sp)
	mfpi	sp
	jsr	pc,(r0)
	spl	0

/ Back to the program, unless there is a signal for it or another should run.
leave:
	mov	u.procp,r2
	tst	p.sig(r2)
	beq	1f
	jsr	pc,issig
	tst	r0
	beq	1f
	jsr	pc,psig
1:
	movb	$puser,p.pri(r2)
	tst	_runrun
	beq	2f
	jsr	pc,swtch
	br	leave
2:
	mtpi	sp
	mov	(sp)+,r5
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	mov	(sp)+,r1
	mov	(sp)+,r0
	rtt

/ Memory of the program. These return with C set and EFAULT when it has none there.
fuword:				/ r0: the word at r0
	jsr	r5,save
	mov	sp,r5
	bit	$1,r0
	bne	fault
	mov	$fault,nofault
	mfpd	(r0)
	br	1f
fuiword:			/ the same, in instruction space
	jsr	r5,save
	mov	sp,r5
	bit	$1,r0
	bne	fault
	mov	$fault,nofault
	mfpi	(r0)
1:
	mov	(sp)+,r0
	clr	nofault
	rts	pc
fubyte:				/ r0: the byte at r0
	jsr	r5,save
	mov	sp,r5
	mov	r0,r1
	bic	$1,r0
	mov	$fault,nofault
	mfpd	(r0)
	mov	(sp)+,r0
	bit	$1,r1
	beq	1f
	swab	r0
1:
	bic	$!377,r0
	clr	nofault
	rts	pc
suword:				/ put r1 at r0
	jsr	r5,save
	mov	sp,r5
	bit	$1,r0
	bne	fault
	mov	$fault,nofault
	mov	r1,-(sp)
	mtpd	(r0)
	clr	nofault
	rts	pc
fault:
	mov	r5,sp
	clr	nofault
	jmp	efault

/ Copy r2 bytes from r0 in the program to r1 in the kernel.
copyin:
	jsr	r5,save
	mov	sp,r5
	mov	$fault,nofault
	tst	r2
	beq	9f
	mov	r0,r3
	bis	r1,r3
	bis	r2,r3
	bit	$1,r3
	bne	2f
	clc
	ror	r2
1:
	mfpd	(r0)+
	mov	(sp)+,(r1)+
	sob	r2,1b
	br	9f
2:
	mov	r0,r4
	bic	$1,r4
	mfpd	(r4)
	bit	$1,r0
	beq	3f
	swab	(sp)
3:
	movb	(sp)+,(r1)+
	inc	r0
	sob	r2,2b
9:
	clr	nofault
	rts	pc

/ Copy r2 bytes from r0 in the kernel to r1 in the program.
copyout:
	jsr	r5,save
	mov	sp,r5
	mov	$fault,nofault
	tst	r2
	beq	9f
	mov	r0,r3
	bis	r1,r3
	bis	r2,r3
	bit	$1,r3
	bne	2f
	clc
	ror	r2
1:
	mov	(r0)+,-(sp)
	mtpd	(r1)+
	sob	r2,1b
	br	9f
2:
	mov	r1,r4
	bic	$1,r4
	mfpd	(r4)
	bit	$1,r1
	bne	3f
	movb	(r0)+,(sp)
	br	4f
3:
	movb	(r0)+,1(sp)
4:
	mtpd	(r4)
	inc	r1
	sob	r2,2b
9:
	clr	nofault
	rts	pc

/ Physical memory, in clicks of 64 bytes, through the windows.
copyseg:			/ r2 clicks from r0 to r1
	jsr	r5,save
1:
	tst	r2
	beq	9f
	mov	r0,kdsa4
	mov	r1,kdsa5
	mov	r2,r5
	cmp	r5,$200		/ a page at most
	blos	2f
	mov	$200,r5
2:
	add	r5,r0
	add	r5,r1
	sub	r5,r2
	mov	$window4,r3
	mov	$window5,r4
	ash	$3,r5
3:
	mov	(r3)+,(r4)+
	mov	(r3)+,(r4)+
	mov	(r3)+,(r4)+
	mov	(r3)+,(r4)+
	sob	r5,3b
	br	1b
9:
	rts	pc

clearseg:			/ r1 clicks at r0
	jsr	r5,save
1:
	tst	r1
	beq	9f
	mov	r0,kdsa5
	inc	r0
	mov	$window5,r2
	mov	$8.,r3
2:
	clr	(r2)+
	clr	(r2)+
	clr	(r2)+
	clr	(r2)+
	sob	r3,2b
	dec	r1
	br	1b
9:
	rts	pc

/ The kernel's own voice, which waits for the console.
puts:				/ the string at r0
	mov	r2,-(sp)
	mov	r0,r2
1:
	movb	(r2)+,r0
	beq	2f
	jsr	pc,putchar
	br	1b
2:
	mov	(sp)+,r2
	rts	pc
putchar:
	mov	xcsr,-(sp)
	clr	xcsr
	cmp	r0,$'\n
	bne	1f
	mov	$'\r,r0
	jsr	pc,2f
	mov	$'\n,r0
1:
	jsr	pc,2f
	mov	(sp)+,xcsr
	rts	pc
2:
	tstb	xcsr
	bpl	2b
	movb	r0,xbuf
3:
	tstb	xcsr
	bpl	3b
	rts	pc
putnum:				/ r0, unsigned, in the base r1
	mov	r2,-(sp)
	mov	r0,r2
	mov	r1,-(sp)
	clr	r0
	mov	r2,r1
	mov	r0,r2		/ dividend in r2,,r3 below
	mov	r3,-(sp)
	mov	r1,r3
	div	2(sp),r2
	mov	r3,-(sp)	/ the last digit
	mov	r2,r0
	beq	1f
	mov	4(sp),r1
	jsr	pc,putnum
1:
	mov	(sp)+,r0
	add	$'0,r0
	jsr	pc,putchar
	mov	(sp)+,r3
	tst	(sp)+
	mov	(sp)+,r2
	rts	pc

/ The end: r0 says why, r5 is printed with it.
panic:
	spl	7
	mov	r0,_panicstr
	mov	r0,r2
	mov	$panmsg,r0
	jsr	pc,puts
	mov	r2,r0
	jsr	pc,puts
	mov	$space,r0
	jsr	pc,puts
	mov	r5,r0
	mov	$8.,r1
	jsr	pc,putnum
	mov	$newline,r0
	jsr	pc,puts
	halt
	br	.

	.data
trapmsg: <trap at\0>
panmsg:	<panic: \0>
space:	< \0>
newline: <\n\0>
	.even
_panicstr: 0

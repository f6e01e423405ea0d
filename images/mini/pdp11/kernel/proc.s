/ Processes: sleeping, waking and switching; the image in memory; fork, exit, wait;
/ signals; the clock.
/
/ A process's image is one piece of physical memory: user area, text, data, stack.
/ The page registers put the program's part where the program expects it. There is
/ no swapping: what does not fit fails.

	.text
/ Sleep on r0 at priority r1 until wakeup. Above pzero a signal ends the sleep and
/ the system call with it, with EINTR: nothing may be locked then.
sleep:
	jsr	r5,save
	mov	psw,r3
	mov	u.procp,r2
	cmp	r1,$pzero
	ble	2f
	mov	r0,r4
	tst	p.sig(r2)
	beq	1f
	jsr	pc,issig
	tst	r0
	bne	interrupted
1:
	mov	r4,r0
	jsr	pc,2f
	tst	p.sig(r2)
	beq	3f
	jsr	pc,issig
	tst	r0
	bne	interrupted
3:
	rts	pc
2:
	spl	6
	mov	r0,p.wchan(r2)
	movb	r1,p.pri(r2)
	movb	$ssleep,p.stat(r2)
	jsr	pc,swtch
	mov	r3,psw
	rts	pc
interrupted:
	mov	$usp,sp
	spl	0
	movb	$4,u.error		/ EINTR
	jmp	sysdone

/ Wake all that sleep on r0.
wakeup:
	mov	$_proc,r1
1:
	cmp	r0,p.wchan(r1)
	bne	2f
	cmpb	p.stat(r1),$ssleep
	bne	2f
	jsr	pc,setrun
2:
	add	$p.size0,r1
	cmp	r1,$_proc+[p.size0*nproc]
	blo	1b
	rts	pc
setrun:				/ make the process r1 run
	clr	p.wchan(r1)
	movb	$srun,p.stat(r1)
	mov	$1,_runrun
	rts	pc

/ Give the processor to the best process, perhaps the caller again. It comes back
/ when it is chosen; in a new child, to whoever called newproc, with r0 = 1.
/
/ The choice is made on process 0's stack: the caller's may be no more.
swtch:
	jsr	r5,save
	mov	sp,u.rsav
	spl	7
	mov	_proc+p.addr,kdsa6
	mov	$ustack,sp
1:
	spl	0
	clr	_runrun
	clr	r4			/ the best so far,
	mov	$127.,r3		/ its priority
	mov	lastrun,r2
	mov	$nproc,r1
2:
	add	$p.size0,r2		/ in turn, from the one after the last
	cmp	r2,$_proc+[p.size0*nproc]
	blo	3f
	mov	$_proc,r2
3:
	cmpb	p.stat(r2),$srun
	bne	4f
	cmpb	p.pri(r2),r3
	bge	4f
	movb	p.pri(r2),r3
	mov	r2,r4
4:
	sob	r1,2b
	tst	r4
	bne	5f
	spl	7			/ none: wait, unless an interrupt has just
	tst	_runrun			/ changed that
	bne	1b
	spl	0
	wait
	br	1b
5:
	mov	r4,lastrun
	spl	7
	mov	p.addr(r4),kdsa6
	mov	u.rsav,sp
	spl	0
	jsr	pc,sureg
	mov	$1,r0
	clc
	rts	pc

/ Memory for images. What is in use is a list in no order; the first gap is taken.
getmem:				/ r0: r0 clicks
	jsr	r5,save
	mov	firstme,r2
1:
	mov	r2,r3
	add	r0,r3
	jcs	enomem
	cmp	r3,memtop
	jhi	enomem
	mov	$areas,r1
2:
	tst	2(r1)
	beq	3f
	cmp	(r1),r3
	bhis	3f
	mov	(r1),r4
	add	2(r1),r4
	cmp	r4,r2
	blos	3f
	mov	r4,r2			/ it overlaps: go on behind it
	br	1b
3:
	add	$4,r1
	cmp	r1,$areas+[4*narea]
	blo	2b
	mov	$areas,r1
4:
	tst	2(r1)
	beq	5f
	add	$4,r1
	cmp	r1,$areas+[4*narea]
	blo	4b
	jbr	enomem
5:
	mov	r2,(r1)
	mov	r0,2(r1)
	mov	r2,r0
	clc
	rts	pc
freemem:			/ that at r0
	mov	$areas,r1
1:
	cmp	r0,(r1)
	bne	2f
	clr	2(r1)
	clr	(r1)
	rts	pc
2:
	add	$4,r1
	cmp	r1,$areas+[4*narea]
	blo	1b
	rts	pc

/ Work out the page registers for text, data and stack of r0, r1, r2 clicks; r3 is
/ not 0 for separate spaces. C set: they do not fit into 64K bytes.
/
/ Without separate spaces data starts at the page after the text. The stack grows
/ down from the top: its pages are of the kind that the PDP-11 has for that, whose
/ length counts from the end.
estabur:
	jsr	r5,save
	mov	r0,-(sp)
	mov	r2,-(sp)
	mov	r0,r4			/ pages: r4 of text, r5 of data, stack
	jsr	pc,pages
	mov	r0,r4
	mov	r1,r0
	jsr	pc,pages
	mov	r0,r5
	mov	(sp),r0
	jsr	pc,pages
	add	r5,r0
	tst	r3
	beq	1f
	cmp	r4,$8.
	bhi	8f
	br	2f
1:
	add	r4,r0
2:
	cmp	r0,$8.
	blos	3f
8:
	cmp	(sp)+,(sp)+
	jbr	enomem
3:
	mov	(sp)+,r2
	mov	r1,r5			/ text is on the stack
	mov	$u.uisa,r0
	mov	$32.,r1
4:
	clr	(r0)+
	sob	r1,4b
	mov	r5,-(sp)
	mov	r2,-(sp)
	mov	$usize,r4		/ where in the image
	clr	r0			/ page, times 2
	mov	4(sp),r5
	mov	$2,r1			/ read only
	jsr	pc,map
	tst	r3
	beq	5f
	mov	$16.,r0
5:
	mov	2(sp),r5
	mov	$6,r1			/ read and write
	jsr	pc,map
	mov	(sp),r5
	add	r5,r4			/ r4: the end of the image
	mov	$14.,r0
	tst	r3
	beq	6f
	mov	$30.,r0
6:
	tst	r5
	beq	7f
	sub	$200,r4
	mov	r4,u.uisa(r0)
	mov	r5,r1
	cmp	r1,$200
	blos	9f
	mov	$200,r1
9:
	sub	r1,r5
	neg	r1
	add	$200,r1			/ the first click that is there
	swab	r1
	bis	$16,r1			/ downward
	mov	r1,u.uisd(r0)
	sub	$2,r0
	br	6b
7:
	tst	r3			/ one space: data space is the same
	bne	1f
	mov	$u.uisa,r0
	mov	$8.,r1
2:
	mov	(r0),16.(r0)
	mov	u.uisd-u.uisa(r0),u.uisd-u.uisa+16.(r0)
	tst	(r0)+
	sob	r1,2b
1:
	add	$6,sp
	jsr	pc,sureg
	clc
	rts	pc

pages:				/ r0 clicks are r0 pages
	add	$177,r0
	ash	$-7,r0
	bic	$!777,r0
	rts	pc

/ Map r5 clicks at r4 to the pages from r0 on, with access r1.
map:
	tst	r5
	beq	2f
	mov	r4,u.uisa(r0)
	mov	r5,r2
	cmp	r2,$200
	blos	1f
	mov	$200,r2
1:
	add	r2,r4
	sub	r2,r5
	dec	r2
	swab	r2
	bis	r1,r2
	mov	r2,u.uisd(r0)
	tst	(r0)+
	br	map
2:
	rts	pc

/ Load the page registers of user mode.
sureg:
	jsr	r5,save
	mov	u.procp,r0
	mov	p.addr(r0),r0
	mov	$u.uisa,r1
	mov	$uisa0,r2
	mov	$16.,r3
1:
	mov	(r1)+,r4
	add	r0,r4
	mov	r4,(r2)+
	sob	r3,1b
	mov	$u.uisd,r1
	mov	$uisd0,r2
	mov	$16.,r3
2:
	mov	(r1)+,(r2)+
	sob	r3,2b
	rts	pc

/ Give the image r0 clicks of data and r1 of stack: a larger or smaller copy, with
/ zeros between. C set, and nothing is changed, when that does not work.
resize:
	jsr	r5,save
	mov	r1,r2
	mov	r0,r1
	mov	r2,-(sp)
	mov	r1,-(sp)
	mov	u.tsize,r0
	mov	u.sep,r3
	jsr	pc,estabur
	bcs	8f
	mov	(sp),r0
	add	2(sp),r0
	add	u.tsize,r0
	add	$usize,r0
	mov	r0,r2			/ r2: the new size
	jsr	pc,getmem
	bcs	7f
	mov	r0,r4			/ r4: the new image
	mov	u.procp,r5
	mov	u.dsize,r1		/ what of the data stays
	cmp	r1,(sp)
	blos	1f
	mov	(sp),r1
1:
	add	u.tsize,r1
	add	$usize,r1
	mov	u.ssize,r3		/ what of the stack stays
	cmp	r3,2(sp)
	blos	2f
	mov	2(sp),r3
2:
	mov	(sp)+,u.dsize
	mov	(sp)+,u.ssize
	mov	r2,-(sp)
	mov	r4,-(sp)
	mov	r1,-(sp)
	mov	r4,r0			/ zeros
	add	r1,r0
	sub	r1,r2
	mov	r2,r1
	jsr	pc,clearseg
	mov	p.addr(r5),r0		/ stack
	add	p.size(r5),r0
	sub	r3,r0
	mov	r4,r1
	add	4(sp),r1
	sub	r3,r1
	mov	r3,r2
	jsr	pc,copyseg
	mov	p.addr(r5),r0		/ the rest, and this kernel stack
	mov	r4,r1
	mov	(sp),r2
	jsr	pc,copyseg
	mov	2(sp),kdsa6
	mov	p.addr(r5),r0
	mov	2(sp),p.addr(r5)
	mov	4(sp),p.size(r5)
	add	$6,sp
	jsr	pc,freemem
	jsr	pc,sureg
	clc
	rts	pc
7:
	mov	u.tsize,r0		/ as it was
	mov	u.dsize,r1
	mov	u.ssize,r2
	jsr	pc,estabur
8:
	cmp	(sp)+,(sp)+
	br	enomem

/ The stack must reach down to r0. r0 stays as it is.
grow:
	jsr	r5,save
	mov	r0,r2
	mov	r0,r1
	neg	r1
	beq	9f
	add	$77,r1
	ash	$-6,r1
	bic	$!1777,r1
	cmp	r1,u.ssize
	blos	9f
	add	$16.,r1			/ and somewhat further
	mov	u.dsize,r0
	jsr	pc,resize
	mov	r2,r0
	rts	pc
9:
	mov	r2,r0
	sec
	rts	pc

/ break: the end of the data is to be at the address given.
sbreak:
	mov	u.arg,r0
	add	$77,r0
	bcs	enomem
	ash	$-6,r0
	bic	$!1777,r0
	tst	u.sep
	bne	1f
	mov	u.tsize,r1		/ data starts at the page after the text
	add	$177,r1
	bic	$177,r1
	sub	r1,r0
	bcc	1f
	clr	r0
1:
	cmp	r0,u.dsize
	beq	2f
	mov	u.ssize,r1
	jmp	resize
2:
	clc
	rts	pc
enomem:
	movb	$12.,u.error
	sec
	rts	pc

/ Make a process: a copy of the caller's image. The caller gets r0 = 0 and the new
/ process in r1, the new process r0 = 1.
newproc:
	jsr	r5,save
	mov	$_proc,r5
1:
	tstb	p.stat(r5)
	beq	2f
	add	$p.size0,r5
	cmp	r5,$_proc+[p.size0*nproc]
	blo	1b
	br	eagain
2:
	mov	u.procp,r3
	mov	p.size(r3),r0
	jsr	pc,getmem
	bcc	3f
eagain:
	movb	$11.,u.error
	sec
	rts	pc
3:
	mov	r0,r4
4:
	inc	lastpid
	cmp	lastpid,$30000.
	blo	5f
	mov	$2,lastpid
5:
	mov	$_proc,r0		/ not one that is in use
6:
	tstb	p.stat(r0)
	beq	7f
	cmp	p.pid(r0),lastpid
	beq	4b
7:
	add	$p.size0,r0
	cmp	r0,$_proc+[p.size0*nproc]
	blo	6b
	mov	r4,p.addr(r5)
	mov	p.size(r3),p.size(r5)
	mov	lastpid,p.pid(r5)
	mov	p.pid(r3),p.ppid(r5)
	mov	p.uid(r3),p.uid(r5)
	mov	p.pgrp(r3),p.pgrp(r5)
	movb	$sload,p.flag(r5)
	movb	$puser,p.pri(r5)
	clr	p.sig(r5)
	clr	p.wchan(r5)
	clr	p.clkti(r5)
	clr	p.xstat(r5)
	mov	$u.ofile,r1		/ it shares open files and the directory
	mov	$nofile,r2
8:
	mov	(r1)+,r0
	beq	9f
	incb	f.count(r0)
9:
	sob	r2,8b
	mov	u.cdir,r0
	beq	1f
	incb	i.count(r0)
1:
	mov	sp,u.rsav		/ the child comes out of swtch here
	mov	p.addr(r3),r0
	mov	r4,r1
	mov	p.size(r3),r2
	jsr	pc,copyseg
	mov	r4,kdsa5
	mov	r5,u.procp-u+window5
	mov	r5,r1
	movb	$srun,p.stat(r1)
	mov	$1,_runrun
	clr	r0
	rts	pc

/ fork: the parent goes on behind the next instruction, with the child's number, or
/ with an error.
fork:
	jsr	pc,newproc
	bcc	3f
	add	$2,upc
	sec
	rts	pc
3:
	tst	r0
	bne	1f
	mov	p.pid(r1),ur0
	add	$2,upc
	rts	pc
1:
	mov	u.procp,r0
	mov	p.ppid(r0),ur0
	mov	$u.utime,r0
	mov	$8.,r1
2:
	clr	(r0)+
	sob	r1,2b
	rts	pc

/ exit: the status is the low byte of r0.
rexit:
	mov	u.arg,r0
	bic	$!377,r0
	swab	r0
exit:				/ with all of the status in r0
	mov	r0,r4
	mov	u.procp,r5
	clr	p.clkti(r5)
	mov	$u.signa,r0		/ nothing disturbs it any more
	mov	$nsig,r1
1:
	mov	$1,(r0)+
	sob	r1,1b
	clr	r3
2:
	mov	u.ofile(r3),r0
	beq	3f
	clr	u.ofile(r3)
	jsr	pc,closef
3:
	tst	(r3)+
	cmp	r3,$2*nofile
	blo	2b
	mov	u.cdir,r2
	mov	r2,r0
	jsr	pc,plock
	mov	r2,r0
	jsr	pc,iput
	clr	u.cdir
	mov	p.addr(r5),r0
	jsr	pc,freemem
	mov	r4,p.xstat(r5)
	movb	$szomb,p.stat(r5)
	mov	$_proc,r3		/ orphans are init's
1:
	tstb	p.stat(r3)
	beq	2f
	cmp	p.ppid(r3),p.pid(r5)
	bne	3f
	mov	$1,p.ppid(r3)
	mov	$_proc+p.size0,r0
	jsr	pc,wakeup
3:
	cmp	p.pid(r3),p.ppid(r5)
	bne	2f
	mov	r3,r0
	jsr	pc,wakeup
2:
	add	$p.size0,r3
	cmp	r3,$_proc+[p.size0*nproc]
	blo	1b
	jsr	pc,swtch		/ for ever

/ wait: r0 the number of a child that has ended, r1 its status.
wait.:
	mov	u.procp,r5
	clr	r3
	mov	$_proc,r2
1:
	tstb	p.stat(r2)
	beq	2f
	cmp	p.ppid(r2),p.pid(r5)
	bne	2f
	cmp	r2,r5
	beq	2f
	inc	r3
	cmpb	p.stat(r2),$szomb
	beq	3f
2:
	add	$p.size0,r2
	cmp	r2,$_proc+[p.size0*nproc]
	blo	1b
	tst	r3
	beq	4f
	mov	r5,r0
	mov	$pwait,r1
	jsr	pc,sleep
	br	wait.
3:
	mov	p.pid(r2),ur0
	mov	p.xstat(r2),ur1
	mov	$14.,r1
5:
	clr	(r2)+
	sob	r1,5b
	rts	pc
4:
	movb	$10.,u.error		/ ECHILD
	sec
	rts	pc

/ Signals. psignal: signal r1 for the process r0.
psignal:
	mov	r1,-(sp)
	mov	r0,-(sp)
	mov	$1,r0
	dec	r1
	ash	r1,r0
	mov	(sp)+,r1
	bis	r0,p.sig(r1)
	cmpb	p.stat(r1),$ssleep
	bne	1f
	cmpb	p.pri(r1),$pzero
	ble	1f
	jsr	pc,setrun
1:
	mov	(sp)+,r1
	rts	pc

/ issig: r0 is a signal to be acted on, or 0; ignored ones are forgotten.
issig:
	jsr	r5,save
	mov	u.procp,r2
1:
	mov	$1,r0
	mov	$1,r1
2:
	bit	r1,p.sig(r2)
	bne	3f
	inc	r0
	asl	r1
	bne	2b
	clr	r0
	rts	pc
3:
	mov	r0,r3
	asl	r3
	cmp	u.signa(r3),$1
	bne	4f
	bic	r1,p.sig(r2)
	br	1b
4:
	rts	pc

/ psig: act on signal r0. Without a handler it ends the process; a handler is
/ called on the program's stack, and returns with rti.
psig:
	jsr	r5,save
	mov	r0,r4
	mov	$1,r1
	dec	r0
	ash	r0,r1
	mov	u.procp,r2
	bic	r1,p.sig(r2)
	mov	r4,r3
	asl	r3
	mov	u.signa(r3),r5
	bne	1f
2:
	mov	r4,r0			/ the status is the signal
	jmp	exit
1:
	cmp	r4,$sigill
	beq	3f
	cmp	r4,$sigtrap
	beq	3f
	clr	u.signa(r3)
3:
	mov	usp,r0
	sub	$4,r0
	jsr	pc,grow
	clrb	u.error
	mov	r0,r3
	add	$2,r0
	mov	ups,r1
	jsr	pc,suword
	bcs	2b
	mov	r3,r0
	mov	upc,r1
	jsr	pc,suword
	bcs	2b
	mov	r3,usp
	mov	r5,upc
	bic	$20,ups			/ no trace trap
	rts	pc

/ signal: what to do on a signal; the old way is returned.
ssig:
	mov	u.arg,r0
	beq	einval
	cmp	r0,$nsig
	bhis	einval
	cmp	r0,$sigkill
	beq	einval
	mov	r0,r1
	asl	r1
	mov	u.signa(r1),ur0
	mov	u.arg+2,u.signa(r1)
	mov	u.procp,r1
	dec	r0
	mov	$1,r2
	ash	r0,r2
	bic	r2,p.sig(r1)
	clc
	rts	pc
einval:
	movb	$22.,u.error
	sec
	rts	pc

/ kill: the process in r0; 0 stands for all but the first two.
kill:
	mov	u.arg+2,r1
	cmp	r1,$nsig
	bhis	einval
	clr	r4
	mov	$_proc,r2
1:
	tstb	p.stat(r2)
	beq	3f
	tst	u.arg
	bne	2f
	cmp	p.pid(r2),$1
	bhi	4f
	br	3f
2:
	cmp	p.pid(r2),u.arg
	bne	3f
4:
	tst	u.uid
	beq	5f
	cmp	u.ruid,p.uid(r2)
	bne	3f
5:
	inc	r4
	tst	r1
	beq	3f
	mov	r2,r0
	jsr	pc,psignal
3:
	add	$p.size0,r2
	cmp	r2,$_proc+[p.size0*nproc]
	blo	1b
	tst	r4
	bne	6f
	movb	$3,u.error		/ ESRCH
	sec
6:
	rts	pc

/ sigall: signal r1 to all but processes 0 and 1, from the console.
sigall:
	mov	r2,-(sp)
	mov	$_proc+p.size0+p.size0,r2
1:
	tstb	p.stat(r2)
	beq	2f
	mov	r2,r0
	jsr	pc,psignal
2:
	add	$p.size0,r2
	cmp	r2,$_proc+[p.size0*nproc]
	blo	1b
	mov	(sp)+,r2
	rts	pc

pause:
	mov	$u,r0
	mov	$pslep,r1
	jsr	pc,sleep
	br	pause

alarm:
	mov	u.procp,r1
	mov	p.clkti(r1),ur0
	mov	u.arg,p.clkti(r1)
	rts	pc

/ The clock ticks 60 times a second.
clock:
	mov	r2,-(sp)
	mov	$100,lks
	mov	$u.stime,r2
	bit	$30000,psw		/ whom has it interrupted?
	beq	1f
	mov	$u.utime,r2
	dec	slice
	bgt	1f
	mov	$6,slice		/ a program runs a tenth of a second
	mov	$1,_runrun
1:
	add	$1,2(r2)
	adc	(r2)
	inc	ticks
	cmp	ticks,$60.
	blo	9f
	clr	ticks
	add	$1,_time+2
	adc	_time
	mov	$_proc,r2
2:
	tst	p.clkti(r2)
	beq	3f
	dec	p.clkti(r2)
	bne	3f
	mov	r2,r0
	mov	$sigalrm,r1
	jsr	pc,psignal
3:
	add	$p.size0,r2
	cmp	r2,$_proc+[p.size0*nproc]
	blo	2b
	mov	$1,_runrun
9:
	mov	(sp)+,r2
	rts	pc

	.data
lastpid: 0
lastrun: _proc

	.bss
_time:	.=.+4		/ seconds since 1970, high word first
ticks:	.=.+2		/ since the last second
slice:	.=.+2
_runrun: .=.+2		/ choose anew before going back to a program
_proc:	.=.+[p.size0*nproc]
_text:	.=.+12.		/ V7's table of shared texts; there are none here
areas:	.=.+[4*narea]	/ memory in use: click, clicks

/ The start: find out how much memory there is, make process 0 (the scheduler's
/ idle loop) and process 1, which executes /etc/init.

	.text
start:
	mov	$30340,psw		/ kernel mode, user mode before
	mov	$syscall,34
	mov	$end+63.,r0		/ the kernel ends behind data, bss and text
	ash	$-6,r0
	bic	$!1777,r0
	mov	$etext+63.,r1
	ash	$-6,r1
	bic	$!1777,r1
	add	r1,r0
	mov	r0,r4
	mov	r4,kdsa6		/ process 0's user area
	mov	$u+1300,sp		/ the idle loop has the top of this stack
	mov	$u,r0
	mov	$512.,r1
1:
	clr	(r0)+
	sob	r1,1b
	mov	r4,_proc+p.addr
	mov	$usize,_proc+p.size
	add	$usize,r4
	mov	r4,firstme

/ Try memory 8192 bytes at a time until a bus error; below the I/O page.
	mov	$7600,r3
	bit	$20,mmr3		/ 22-bit addresses
	beq	1f
	mov	$170000,r3
1:
	add	$177,r4
	bic	$177,r4
	mov	$3f,nofault
2:
	cmp	r4,r3
	bhis	3f
	mov	r4,kdsa5
	tst	window5
	add	$200,r4
	br	2b
3:
	clr	nofault
	mov	r4,memtop
	mov	$hello,r0
	jsr	pc,puts
	mov	memtop,r0
	ash	$-4,r0			/ clicks to Kbytes
	bic	$!7777,r0
	mov	$10.,r1
	jsr	pc,putnum
	mov	$hello2,r0
	jsr	pc,puts

	mov	$_proc,r2
	mov	r2,u.procp
	movb	$srun,p.stat(r2)
	movb	$sload+ssys,p.flag(r2)
	mov	$ur0,u.ar0
	mov	$u.arg,u.ap
	mov	$100,lks
	mov	$100,rcsr
	jsr	pc,binit
	spl	0
	jsr	pc,fsinit
	jsr	pc,newproc
	tst	r0
	bne	1f
	mov	$_runout,p.wchan(r2)	/ process 0 only idles from now on
	movb	$pswp,p.pri(r2)
	movb	$ssleep,p.stat(r2)
	jsr	pc,swtch
	br	.

/ Process 1: a program of a few words, the only one that is not from a file.
1:
	mov	u.procp,r2
	movb	$sload,p.flag(r2)
	clr	u.tsize
	clr	u.sep
	mov	$1,r0
	mov	$1,r1
	jsr	pc,resize
	mov	$icode,r0
	clr	r1
	mov	$eicode-icode,r2
	jsr	pc,copyout
	mov	$userps,ups
	clr	upc
	clr	usp
	mov	$usp,sp
	jmp	leave

	.data
icode:
	sys	11.; ginit-icode; gargs-icode	/ exec
	sys	1				/ exit
gargs:	ginit-icode; 0
ginit:	</etc/init\0>
	.even
eicode:
hello:	<\nmini: \0>
hello2:	<K of memory\n\0>
	.even

	.bss
firstme: .=.+2		/ the first click behind process 0
memtop:	.=.+2		/ the first behind all memory
_runout: .=.+2

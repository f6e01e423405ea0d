/ System calls one after the other, with what they return: the same on V7 and on mini.
/ Each line has a name, what is to be printed, r0, r1, and the call.

	.text
main:
	mov	$table,r5
1:
	mov	(r5)+,r0
	beq	2f
	jsr	pc,puts
	mov	(r5)+,r4		/ 1: r0, 2: r1, 4: the status, 10: the buffer
	mov	(r5)+,r0
	mov	(r5)+,r1
	mov	(r5)+,3f+2
3:
	sys	0; 0
	bcs	4f
	mov	r1,r3
	bit	$1,r4
	beq	5f
	jsr	pc,num
5:
	bit	$2,r4
	beq	5f
	mov	r3,r0
	jsr	pc,num
5:
	bit	$4,r4
	beq	5f
	mov	statbuf+4,r0
	jsr	pc,num
	mov	statbuf+6,r0
	jsr	pc,num
	mov	statbuf+14.,r0
	jsr	pc,num
	mov	statbuf+16.,r0
	jsr	pc,num
5:
	bit	$10,r4
	beq	5f
	jsr	pc,space
	mov	$buf,r0
	jsr	pc,puts
	clrb	buf
5:
	jsr	pc,newline
	br	1b
4:
	mov	r0,r2
	mov	$errm,r0
	jsr	pc,puts
	mov	r2,r0
	jsr	pc,num
	jsr	pc,newline
	br	1b

child1:
	mov	$7,r0
	sys	exit
child2:
	sys	getpid
	sys	kill; 9.
	br	.
child3:
	clr	*$120000
	br	.

/ Processes and signals.
2:
	jsr	pc,flush
	sys	fork
	br	child1
	mov	r0,r5
	sys	wait.
	cmp	r0,r5
	jne	bad
	mov	r1,r0
	jsr	pc,num			/ 7*400
	sys	fork
	br	child2
	sys	wait.
	mov	r1,r0
	jsr	pc,num			/ 9
	sys	fork
	br	child3
	sys	wait.
	mov	r1,r0
	bic	$200,r0			/ V7 makes a core image
	jsr	pc,num			/ 11
	jsr	pc,newline
	sys	wait.
	jcc	bad
	jsr	pc,num			/ ECHILD
	sys	signal; 14.; onalarm
	mov	$1,r0
	sys	alarm
	sys	pause
	jcc	bad
	jsr	pc,num			/ EINTR
	mov	count,r0
	jsr	pc,num			/ 1
	sys	signal; 14.; 1
	jsr	pc,num			/ 0: it was reset
	sys	signal; 16.; onalarm
	sys	getpid
	sys	kill; 16.
	mov	count,r0
	jsr	pc,num			/ 2
	sys	signal; 16.; 1
	sys	getpid
	sys	kill; 16.		/ ignored
	sys	signal; 9.; 1
	jsr	pc,num			/ EINVAL
	jsr	pc,newline

/ A pipe that is larger than itself, through a child.
	sys	pipe
	mov	r0,r4
	mov	r1,r5
	jsr	pc,flush
	sys	fork
	br	child4
	mov	r5,r0
	sys	close
	clr	r3
4:
	mov	r4,r0
	sys	read; big; 777
	bcs	5f
	tst	r0
	beq	5f
	add	r0,r3
	br	4b
child4:
	mov	r4,r0
	sys	close
	mov	r5,r0
	sys	write; big; 10000.
	sys	exit
5:
	mov	r3,r0
	jsr	pc,num			/ 10000
	sys	wait.
	mov	r4,r0
	sys	close
	sys	pipe			/ nobody reads
	mov	r1,r4
	sys	close
	sys	signal; 13.; 1
	mov	r4,r0
	sys	write; big; 5
	jcc	bad
	jsr	pc,num			/ EPIPE
	jsr	pc,newline
	jsr	pc,flush
	mov	sp,r2
	sub	$5000.,sp		/ the stack grows
	mov	$123,(sp)
	mov	(sp),r0
	mov	r2,sp
	jsr	pc,num
	sys	break; enough
	jcs	bad
	mov	$321,enough-2
	mov	enough-2,r0
	jsr	pc,num
	jmp	newline
bad:
	mov	$badm,r0
	jsr	pc,puts
	rts	pc
onalarm:
	inc	count
	rti

num:				/ a space and r0, octal
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r0,r2
	jsr	pc,space
	mov	$numbuf+11.,r3
	clrb	(r3)
1:
	mov	r2,r0
	bic	$!7,r0
	add	$'0,r0
	movb	r0,-(r3)
	clc
	ror	r2
	asr	r2
	asr	r2
	bne	1b
	mov	r3,r0
	jsr	pc,puts
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

	.data
count:	0
errm:	< error\0>
badm:	<bad\n\0>
	.even
table:
	1f; 1; 22; 0; c1
	2f; 1; 0; 0; c2
	3f; 1; 3; 0; c3
	4f; 3; 3; 0; c4
	5f; 1; 3; 0; c5
	6f; 4; 0; 0; c6
	7f; 4; 3; 0; c7
	n8; 3; 3; 0; c8
	n9; 1; 3; 0; c9
	n10; 4; 0; 0; c6
	n11; 1; 3; 0; c11
	n12; 1; 3; 0; c11
	n13; 1; 0; 0; c13
	n14; 11; 3; 0; c14
	n15; 1; 3; 0; c3
	n16; 3; 3; 0; c16
	n17; 3; 3; 5; c17
	n18; 3; 103; 5; c17
	n19; 11; 5; 0; c14
	n20; 0; 3; 0; c11
	n21; 0; 5; 0; c11
	n22; 0; 0; 0; c22
	n23; 4; 0; 0; c6
	n24; 1; 0; 0; c22
	n25; 1; 0; 0; c25
	n26; 1; 0; 0; c26
	n27; 1; 0; 0; c27
	n28; 4; 0; 0; c28
	n29; 1; 0; 0; c29
	n30; 1; 0; 0; c30
	n31; 0; 0; 0; c31
	n32; 0; 0; 0; c32
	n33; 4; 0; 0; c33
	n34; 1; 0; 0; c34
	n35; 1; 0; 0; c35
	n36; 0; 0; 0; c36
	n37; 1; 0; 0; c35
	n38; 4; 0; 0; c38
	n39; 0; 0; 0; c39
	n40; 4; 0; 0; c6
	n41; 0; 0; 0; c41
	n42; 0; 0; 0; c42
	n43; 1; 30000; 0; c43
	n44; 1; 0; 0; c44
	n45; 1; 0; 0; c45
	n46; 1; 0; 0; c46
	n47; 1; 0; 0; c47
	n48; 1; 77; 0; c3
	n49; 1; 0; 0; c49
	n50; 0; 0; 0; c50
	n51; 4; 0; 0; c51
	n52; 0; 0; 0; c52
	n53; 4; 0; 0; c53
	n54; 0; 0; 0; c54
	n55; 1; 0; 0; c55
	n56; 0; 0; 0; c56
	n57; 4; 0; 0; c57
	n58; 0; 0; 0; c58
	n59; 0; 0; 0; c59
	n60; 4; 0; 0; c60
	0
c1:	sys umask; 22
c2:	sys creat; f; 666
c3:	sys write; hello; 6
c4:	sys lseek; 0; 2; 0
c5:	sys read; buf; 6
c6:	sys stat; f; statbuf
c7:	sys fstat; statbuf
c8:	sys lseek; 0; 3000.; 1
c9:	sys write; hello; 1
c11:	sys close
c13:	sys open; f; 2
c14:	sys read; buf; 6
c16:	sys lseek; 177777; 177776; 2
c17:	sys dup
c22:	sys link; f; g
c25:	sys unlink; none
c26:	sys open; none; 0
c27:	sys creat; below; 666
c28:	sys stat; dot; statbuf
c29:	sys creat; dot; 666
c30:	sys open; dot; 1
c31:	sys mknod; d; 40755; 0
c32:	sys link; d; ddot
c33:	sys stat; ddot; statbuf
c34:	sys mknod; d; 40755; 0
c35:	sys chdir; f
c36:	sys chdir; d
c38:	sys stat; dot; statbuf
c39:	sys chdir; up
c41:	sys chmod; f; 4711
c42:	sys chown; f; 3; 4
c43:	sys kill; 15.
c44:	sys exec; f; args
c45:	sys exec; g; args
c46:	sys access; f; 6
c47:	sys access; none; 0
c49:	sys stat; f; 120000
c50:	sys utime; f; when
c51:	sys stat; f; statbuf
c52:	sys mknod; dev; 20644; 1234
c53:	sys stat; dev; statbuf
c54:	sys unlink; g
c55:	sys ioctl; 3; 72010; buf
c56:	sys creat; long; 600
c57:	sys stat; cut; statbuf
c58:	sys unlink; ddot
c59:	sys unlink; d
c60:	sys stat; dot; statbuf
ioctl	= 54.
when:	1; 2; 3; 4
args:	f; 0
1:n1:	<umask\0>
2:n2:	<creat\0>
3:n3:	<write\0>
4:n4:	<lseek\0>
5:n5:	<read of a file to be written\0>
6:n6:	<stat\0>
7:n7:	<fstat\0>
n8:	<lseek ahead\0>
n9:	<write behind a hole\0>
n10:	<stat\0>
n11:	<close\0>
n12:	<close again\0>
n13:	<open\0>
n14:	<read\0>
n15:	<write\0>
n16:	<lseek from the end\0>
n17:	<dup\0>
n18:	<dup to 5\0>
n19:	<read\0>
n20:	<close\0>
n21:	<close\0>
n22:	<link\0>
n23:	<stat\0>
n24:	<link again\0>
n25:	<unlink nothing\0>
n26:	<open nothing\0>
n27:	<creat below a file\0>
n28:	<stat .\0>
n29:	<creat of a directory\0>
n30:	<open a directory to write\0>
n31:	<mknod of a directory\0>
n32:	<link to itself\0>
n33:	<stat\0>
n34:	<mknod again\0>
n35:	<chdir to a file\0>
n36:	<chdir\0>
n37:	<chdir to what is not here\0>
n38:	<stat .\0>
n39:	<chdir up\0>
n40:	<stat\0>
n41:	<chmod\0>
n42:	<chown\0>
n43:	<kill nobody\0>
n44:	<exec of no program\0>
n45:	<exec again\0>
n46:	<access\0>
n47:	<access to nothing\0>
n48:	<write to no file\0>
n49:	<stat to no memory\0>
n50:	<utime\0>
n51:	<stat\0>
n52:	<mknod of a device\0>
n53:	<stat\0>
n54:	<unlink\0>
n55:	<ioctl of a file\0>
n56:	<creat with a long name\0>
n57:	<stat with its first 14\0>
n58:	<unlink\0>
n59:	<unlink of a directory\0>
n60:	<stat .\0>
f:	<f\0>
g:	<g\0>
d:	<d\0>
up:	</tmp/calls\0>
ddot:	<d/.\0>
dot:	<.\0>
dev:	<dev\0>
none:	<none\0>
below:	<f/x\0>
long:	<abcdefghijklmnopqrstuvwxyz\0>
cut:	<abcdefghijklmn\0>
hello:	<hello\n>
	.even
	.bss
buf:	.=.+100.
big:	.=.+10000.
	.=.+2000.
enough:

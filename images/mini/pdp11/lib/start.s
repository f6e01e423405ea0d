/ What every program starts with: its beginning, output, and a few common needs.
/ Routines take arguments and give results in r0 and r1, and keep r2-r5.

exit	= 1
fork	= 2
read	= 3
write	= 4
open	= 5
close	= 6
wait.	= 7
creat	= 8.
link	= 9.
unlink	= 10.
exec	= 11.
chdir	= 12.
time	= 13.
mknod	= 14.
chmod	= 15.
chown	= 16.
break	= 17.
stat	= 18.
lseek	= 19.
getpid	= 20.
mount	= 21.
umount	= 22.
getuid	= 24.
stime	= 25.
alarm	= 27.
fstat	= 28.
pause	= 29.
utime	= 30.
stty	= 31.
gtty	= 32.
access	= 33.
sync	= 36.
kill	= 37.
dup	= 41.
pipe	= 42.
times	= 43.
signal	= 48.
exece	= 59.
umask	= 60.

	.text
/ The stack has the number of arguments, a pointer to each, and 0. main gets the
/ number without the program's name in r4, and r5 points to the first pointer.
	mov	(sp),r4
	dec	r4
	mov	sp,r5
	cmp	(r5)+,(r5)+
	mov	2(sp),progname
	jsr	pc,main
leave:				/ the end; the status is `status'
	jsr	pc,flush
	mov	status,r0
	sys	exit

/ Standard output, by the block.
putc:				/ the character r0
	mov	outp,r1
	movb	r0,(r1)+
	mov	r1,outp
	cmp	r1,$outbuf+512.
	bhis	flush
	rts	pc
flush:
	mov	outp,r1
	sub	$outbuf,r1
	beq	1f
	mov	r1,outcount
	mov	$1,r0
	sys	0; outcall
1:
	mov	$outbuf,outp
	rts	pc
puts:				/ the string at r0
	mov	r2,-(sp)
	mov	r0,r2
1:
	movb	(r2)+,r0
	beq	2f
	jsr	pc,putc
	br	1b
2:
	mov	(sp)+,r2
	rts	pc
space:
	mov	$40,r0
	br	putc
newline:
	mov	$'\n,r0
	br	putc
putnum:				/ r0, decimal
	mov	r0,r1
	clr	r0
putlong:			/ the long r0,,r1, decimal
	jsr	pc,decimal
	br	puts
/ The long r0,,r1 in at least `width' columns.
putwide:
	mov	r2,-(sp)
	jsr	pc,decimal
	mov	r0,-(sp)
	mov	$numbuf+11.,r2
	sub	r0,r2
1:
	cmp	r2,width
	bge	2f
	inc	r2
	jsr	pc,space
	br	1b
2:
	mov	(sp)+,r0
	mov	(sp)+,r2
	br	puts

/ The digits of the long r0,,r1 at r0.
decimal:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	$numbuf+11.,r4
	clrb	(r4)
1:
	mov	$10.,r3
	jsr	pc,divide
	add	$'0,r2
	movb	r2,-(r4)
	tst	r0
	bne	1b
	tst	r1
	bne	1b
	mov	r4,r0
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc
/ Divide the long r0,,r1 by r3; r2 is the rest.
divide:
	mov	r4,-(sp)
	clr	r2
	mov	$32.,r4
1:
	asl	r1
	rol	r0
	rol	r2
	cmp	r2,r3
	blo	2f
	sub	r3,r2
	inc	r1
2:
	sob	r4,1b
	mov	(sp)+,r4
	rts	pc

/ r0: the number that the string at r0 is; r1: at what follows it.
number:
	mov	r2,-(sp)
	mov	r0,r2
	clr	r1
1:
	movb	(r2),r0
	sub	$'0,r0
	cmp	r0,$9.
	bhi	2f
	mul	$10.,r1
	add	r0,r1
	inc	r2
	br	1b
2:
	mov	r1,r0
	mov	r2,r1
	mov	(sp)+,r2
	rts	pc

/ A complaint: the program, the string r0, the string r1, and what the error errno
/ means, if it is not 0. The program will end with status 1.
complain:
	mov	r2,-(sp)
	mov	r1,-(sp)
	mov	r0,-(sp)
	jsr	pc,flush
	mov	progname,r0
	jsr	pc,err
	mov	$colon,r0
	jsr	pc,err
	mov	(sp)+,r0
	jsr	pc,err
	mov	(sp)+,r0
	jsr	pc,err
	tst	errno
	beq	3f
	mov	$colon,r0
	jsr	pc,err
	mov	$errors,r2
1:
	tstb	(r2)+			/ 0: any other
	beq	2f
	cmpb	-1(r2),errno
	beq	2f
4:
	tstb	(r2)+
	bne	4b
	br	1b
2:
	mov	r2,r0
	jsr	pc,err
	clr	errno
3:
	mov	$nl,r0
	jsr	pc,err
	mov	$1,status
	mov	(sp)+,r2
	rts	pc
err:				/ the string r0 on the error output
	mov	r0,errat
	mov	r0,r1
1:
	tstb	(r1)+
	bne	1b
	dec	r1
	sub	r0,r1
	mov	r1,errlen
	mov	$2,r0
	sys	0; errcall
	rts	pc

/ Are the strings r0 and r1 the same? Z says so.
strcmp:
	cmpb	(r0)+,(r1)
	bne	1f
	tstb	(r1)+
	bne	strcmp
1:
	rts	pc
/ Copy the string r1 to r0, which is left at its end.
strcpy:
	movb	(r1)+,(r0)+
	bne	strcpy
	dec	r0
	rts	pc
/ r0: where the last component of the path r0 starts.
basename:
	mov	r0,r1
1:
	tstb	(r1)
	beq	2f
	cmpb	(r1)+,$'/
	bne	1b
	tstb	(r1)
	beq	2f
	mov	r1,r0
	br	1b
2:
	rts	pc
/ Put directory r1, a slash and name r2 to r0.
join:
	jsr	pc,strcpy
	cmpb	-1(r0),$'/
	beq	1f
	movb	$'/,(r0)+
1:
	mov	r2,r1
	br	strcpy
/ The status of file r0 goes to statbuf. C set: there is none.
getstat:
	mov	r0,statname
	sys	0; statcall
	bcc	1f
	mov	r0,errno
	sec
1:
	rts	pc
/ Z says that statbuf is of a directory.
isdir:
	mov	st.mode,r0
	bic	$7777,r0
	cmp	r0,$40000
	rts	pc

	.data
outp:	outbuf
outcall: sys write; outbuf
outcount: 0
errcall: sys write
errat:	0
errlen:	0
statcall: sys stat
statname: 0; statbuf
status:	0
errno:	0
colon:	<: \0>
nl:	<\n\0>
errors:
	.byte 1; <not owner\0>
	.byte 2; <no such file or directory\0>
	.byte 5; <i/o error\0>
	.byte 6; <no such device\0>
	.byte 7; <too many arguments\0>
	.byte 8.; <not a program\0>
	.byte 9.; <bad file number\0>
	.byte 10.; <no children\0>
	.byte 11.; <no more processes\0>
	.byte 12.; <not enough memory\0>
	.byte 13.; <permission denied\0>
	.byte 16.; <busy\0>
	.byte 17.; <file exists\0>
	.byte 18.; <on another device\0>
	.byte 20.; <not a directory\0>
	.byte 21.; <is a directory\0>
	.byte 22.; <invalid argument\0>
	.byte 23.; <table overflow\0>
	.byte 24.; <too many open files\0>
	.byte 25.; <not a terminal\0>
	.byte 27.; <file too large\0>
	.byte 28.; <no space left on device\0>
	.byte 29.; <cannot seek\0>
	.byte 30.; <read-only file system\0>
	.byte 31.; <too many links\0>
	.byte 32.; <broken pipe\0>
	.byte 0; <error\0>
	.even
width:	0

	.bss
progname: .=.+2
outbuf:	.=.+512.
numbuf:	.=.+12.
statbuf:
st.dev:	.=.+2
st.ino:	.=.+2
st.mode: .=.+2
st.nlink: .=.+2
st.uid:	.=.+2
st.gid:	.=.+2
st.rdev: .=.+2
st.size: .=.+4
st.atime: .=.+4
st.mtime: .=.+4
st.ctime: .=.+4
	.text

/ The console's terminal. What is typed goes to a queue, and is echoed, as it comes.
/ Whoever reads gets a line at a time, when it is complete: # has erased the
/ character before it and @ the line, unless \ is before them. DEL and control-\ are
/ signals, control-S and -Q stop and start the output, control-D is the end of a file.

inlen	= 512.
outlen	= 256.
outhigh	= 200.			/ writers wait until there are fewer
outlow	= 40.

/ tt.flag, as stty(2) has them.
cbreak	= 2
lcase	= 4
echo	= 10
crmod	= 20
raw	= 40

	.text
/ A character has come.
ttyrx:
	jsr	r5,save
	mov	rbuf,r4
	bit	$raw,tt.flag
	bne	5f
	bic	$!177,r4
	cmp	r4,$23
	bne	1f
	mov	$1,tt.stop
	rts	pc
1:
	cmp	r4,$21
	bne	2f
	clr	tt.stop
	jmp	ttstart
2:
	mov	$sigint,r1
	cmp	r4,$177
	beq	3f
	mov	$sigquit,r1
	cmp	r4,$34
	bne	4f
3:
	clr	in.n			/ what was typed before is forgotten
	clr	in.line
	clr	out.n
	mov	in.put,in.get
	clr	tt.stop
	jsr	pc,sigall
	mov	$out.n,r0
	jmp	wakeup
4:
	cmp	r4,$'\r
	bne	5f
	bit	$crmod,tt.flag
	beq	5f
	mov	$'\n,r4
5:
	cmp	in.n,$inlen
	bhis	9f
	inc	in.n
	mov	in.put,r2
	movb	r4,(r2)+
	cmp	r2,$inbuf+inlen
	blo	6f
	mov	$inbuf,r2
6:
	mov	r2,in.put
	bit	$raw+cbreak,tt.flag
	bne	7f
	cmp	r4,$'\n
	beq	7f
	cmp	r4,$4
	bne	8f
7:
	inc	in.line
	mov	$in.line,r0
	jsr	pc,wakeup
8:
	bit	$echo,tt.flag
	beq	9f
	cmp	r4,$4
	bne	1f
	bit	$raw,tt.flag
	beq	9f
1:
	mov	r4,r0
	jsr	pc,ttput
	cmpb	r4,tt.kill		/ a killed line is followed by a new one
	bne	2f
	bit	$raw+cbreak,tt.flag
	bne	2f
	mov	$'\n,r0
	jsr	pc,ttput
2:
	jsr	pc,ttstart
9:
	rts	pc

/ The transmitter is ready.
ttytx:
ttstart:
	jsr	r5,save
	mov	psw,r4
	spl	4
	tstb	xcsr
	bpl	1f
	tst	tt.stop
	bne	3f
	tst	out.n
	beq	3f
	dec	out.n
	mov	out.get,r2
	movb	(r2)+,r0
	cmp	r2,$outbuf+outlen
	blo	2f
	mov	$outbuf,r2
2:
	mov	r2,out.get
	movb	r0,xbuf
	cmp	out.n,$outlow
	bne	1f
	mov	$out.n,r0
	jsr	pc,wakeup
1:
	mov	$100,xcsr
	mov	r4,psw
	rts	pc
3:
	clr	xcsr			/ nothing to say
	mov	r4,psw
	rts	pc

/ Put character r0 into the output queue, as the flags want it. When there is no
/ room it is lost: writers see to it that there is.
ttput:
	bit	$raw,tt.flag
	bne	1f
	bit	$crmod,tt.flag
	beq	1f
	cmp	r0,$'\n
	bne	1f
	mov	$'\r,r0
	jsr	pc,1f
	mov	$'\n,r0
1:
	mov	psw,-(sp)
	spl	4
	cmp	out.n,$outlen
	bhis	3f
	mov	out.get,r1
	add	out.n,r1
	cmp	r1,$outbuf+outlen
	blo	2f
	sub	$outlen,r1
2:
	movb	r0,(r1)
	inc	out.n
3:
	mov	(sp)+,psw
	rts	pc

/ Write to the terminal.
ttwrite:
	tst	u.count
	beq	9f
1:
	spl	4
	cmp	out.n,$outhigh
	blo	2f
	mov	$out.n,r0
	mov	$ttopri,r1
	jsr	pc,sleep
	br	1b
2:
	spl	0
	mov	u.base,r0
	jsr	pc,fubyte
	bcs	8f
	inc	u.base
	jsr	pc,ttput
	jsr	pc,ttstart
	dec	u.count
	bne	1b
9:
	clc
8:
	rts	pc

/ Read from the terminal.
ttread:
	spl	4
	tst	line.n			/ the rest of a line that was read in part
	bne	deliver
	tst	in.line
	bne	1f
	mov	$in.line,r0
	mov	$ttipri,r1
	jsr	pc,sleep
	br	ttread
1:
	spl	0
	bit	$raw+cbreak,tt.flag
	bne	rawread

/ Edit the line, from the queue to linebuf.
	mov	$linebuf,r2
	mov	r2,line.get
canon:
	jsr	pc,getin
	bcs	3f
	cmp	r0,$4
	beq	3f
	cmp	r0,$'\n
	beq	2f
	cmp	r2,$linebuf
	beq	1f
	cmpb	-1(r2),$'\\
	bne	1f
	cmpb	r0,tt.erase		/ after a \ they are ordinary
	beq	4f
	cmpb	r0,tt.kill
	bne	5f
4:
	dec	r2
	br	5f
1:
	cmpb	r0,tt.erase
	bne	4f
	cmp	r2,$linebuf
	beq	canon
	dec	r2
	br	canon
4:
	cmpb	r0,tt.kill
	bne	5f
	mov	$linebuf,r2
	br	canon
5:
	cmp	r2,$linebuf+inlen-1
	bhis	canon
	movb	r0,(r2)+
	br	canon
2:
	movb	r0,(r2)+
3:
	sub	$linebuf,r2
	mov	r2,line.n
	dec	in.line
	bpl	deliver
	clr	in.line
deliver:
	spl	0
1:
	tst	u.count
	beq	2f
	tst	line.n
	beq	2f
	mov	u.base,r0
	movb	*line.get,r1
	jsr	pc,subyte
	bcs	3f
	inc	u.base
	inc	line.get
	dec	line.n
	dec	u.count
	br	1b
rawread:				/ what there is
	tst	u.count
	beq	2f
	jsr	pc,getin
	bcs	2f
	tst	in.line
	beq	1f
	dec	in.line
1:
	mov	r0,r1
	mov	u.base,r0
	jsr	pc,subyte
	bcs	3f
	inc	u.base
	dec	u.count
	br	rawread
2:
	clc
3:
	rts	pc

/ r0: the next character that was typed. C set: there is none.
getin:
	spl	4
	tst	in.n
	beq	1f
	dec	in.n
	mov	in.get,r1
	clr	r0
	bisb	(r1)+,r0
	cmp	r1,$inbuf+inlen
	blo	2f
	mov	$inbuf,r1
2:
	mov	r1,in.get
	spl	0
	clc
	rts	pc
1:
	spl	0
	sec
	rts	pc

/ Put byte r1 at r0 in the program.
subyte:
	movb	r1,onebyte
	mov	r2,-(sp)
	mov	r0,r1
	mov	$onebyte,r0
	mov	$1,r2
	jsr	pc,copyout
	mov	(sp)+,r2		/ leaves C alone
	rts	pc

/ stty, gtty and ioctl: speeds, erase, kill (bytes), flags. Other requests than these
/ and to close a file in exec (FIOCLEX) do nothing that there is a terminal for.
gtty:
	mov	$8.+['t*400],r5
	br	1f
stty:
	mov	$9.+['t*400],r5
1:
	mov	u.arg+2,u.arg+4
	br	1f
ioctl:
	mov	u.arg+2,r5
1:
	jsr	pc,getf
	jcs	ioctend
	mov	u.arg,r0
	cmp	r5,$[1.]+['f*400]	/ FIOCLEX
	bne	2f
	movb	$1,u.pofil(r0)
	clc
	rts	pc
2:
	cmp	r5,$[2.]+['f*400]
	bne	3f
	clrb	u.pofil(r0)
	clc
	rts	pc
3:
	mov	f.inode(r2),r4
	mov	i.mode(r4),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	jne	enotty
	jsr	pc,chdev
	jcs	enotty
	cmp	r5,$8.+['t*400]		/ TIOCGETP
	bne	4f
	mov	$tt.sgtty,r0
	mov	u.arg+4,r1
	mov	$6,r2
	jmp	copyout
4:
	cmp	r5,$9.+['t*400]		/ TIOCSETP
	beq	5f
	cmp	r5,$10.+['t*400]	/ TIOCSETN
	bne	6f
5:
	mov	u.arg+4,r0
	mov	$tt.sgtty,r1
	mov	$6,r2
	jsr	pc,copyin
	bcs	ioctend
	spl	4
	mov	in.put,in.get		/ what was typed before is forgotten
	clr	in.n
	clr	in.line
	clr	line.n
	spl	0
	clc
	rts	pc
6:
	clc
ioctend:
	rts	pc

	.data
in.n:	0			/ characters in inbuf
in.line: 0			/ complete lines; characters, if raw
in.put:	inbuf
in.get:	inbuf
out.n:	0
out.get: outbuf
line.n:	0			/ left of the line being read
line.get: linebuf
tt.stop: 0
tt.sgtty:
	.byte	13.,13.		/ 9600 baud
tt.erase: .byte '#
tt.kill: .byte '@
tt.flag: echo+crmod

	.bss
inbuf:	.=.+inlen
outbuf:	.=.+outlen
linebuf: .=.+inlen+2
onebyte: .=.+2
	.text

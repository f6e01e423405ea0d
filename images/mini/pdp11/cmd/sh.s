/ The shell.
/
/ It interprets the text of a command where it lies, from left to right. Loops do it
/ again from their start, and what is not to be executed (the other branch of an if,
/ say) is passed over by the same routines with `noexec' set. So is a command of
/ which the shell wants to know the end first: whether & or | follows, or whether the
/ lines read so far are all of it.
/
/ Every variable is part of the environment. Patterns are for the last component of a
/ path. Compound commands with redirection run in a process of their own.

textmax	= 2000.
heapmax	= 4000.
varmax	= 1000.		/ bytes of all variables together
argsmax	= 300.
varsmax	= 60.

	.text
main:
	mov	r5,r0
	tst	-(r0)
	mov	r0,posp			/ $0 and the others
	mov	r4,posn
	mov	$vars,r1		/ the environment
1:
	tst	(r5)+
	bne	1b
2:
	cmp	r1,$vars+[2*varsmax]-2
	bhis	3f
	mov	(r5)+,(r1)+
	bne	2b
3:
	mov	sp,topsp
	tst	r4
	beq	4f
	mov	posp,r0
	mov	2(r0),r0
	mov	$minuse,r1
	jsr	pc,strcmp
	bne	1f
	inc	errexit
	add	$2,posp
	dec	posn
	beq	4f
1:
	mov	posp,r0
	mov	2(r0),r0
	mov	$minusc,r1
	jsr	pc,strcmp
	beq	cstring
	br	script
4:
	clr	r0
	sys	gtty; ttybuf		/ a terminal?
	bcs	again
	inc	tty
	br	arm

/ sh -c string
cstring:
	mov	$heap,heapp
	mov	$args,argp
	mov	posp,r0
	mov	4(r0),r1
	beq	again
	mov	$text,r0
	jsr	pc,strcpy
	inc	eof
	inc	once
	add	$4,posp
	sub	$2,posn
	mov	r0,tend
	br	gotline

/ sh file arguments: $0 is the file.
script:
	add	$2,posp
	dec	posn
	mov	*posp,r0
	mov	r0,opname
	clr	opmode
	sys	0; opcall
	bcc	1f
	mov	r0,errno
	mov	$cannot,r0
	mov	*posp,r1
	jsr	pc,complain
	jmp	leave
1:
	mov	r0,r2			/ out of the commands' way
	mov	$10.,r1
	bis	$100,r0
	sys	dup
	mov	r2,r0
	sys	close
	mov	$10.,infd
	br	again

/ DEL at the terminal: back to the prompt.
onint:
	clr	noexec
	mov	$'\n,r0
	jsr	pc,putc
	jsr	pc,flush
	mov	$130.,lastst
arm:
	sys	signal; 2; onint

/ Read a command, and do it.
again:
	mov	topsp,sp
	mov	$heap,heapp
	mov	$args,argp
	mov	$text,tend
	mov	$ps1,r2
	mov	$prompt,r0
readmore:
	tst	tty
	beq	1f
	mov	r0,-(sp)
	mov	$3,r3
	jsr	pc,findvar		/ PS1 or PS2, if it is set
	beq	2f
	mov	r1,(sp)
2:
	mov	(sp)+,r0
	jsr	pc,puts
	jsr	pc,flush
1:
	jsr	pc,getline
gotline:
	mov	$text,ptr
	mov	$1,noexec
	clr	more
	clr	bad
	jsr	pc,list
	clr	noexec
	tst	bad
	bne	syntax
	tst	more
	beq	2f
	tst	eof
	bne	syntax
	mov	$ps2,r2
	mov	$prompt2,r0
	br	readmore
2:
	cmpb	tok,$')
	beq	syntax
	cmpb	tok,$'w
	beq	syntax
	mov	$text,ptr
	jsr	pc,list
	tst	once
	bne	quit
	tst	eof
	beq	again
	cmp	tend,$text
	beq	quit
	br	again
syntax:
	mov	$synmsg,r0
	mov	$nothing,r1
	jsr	pc,complain
	mov	$2,lastst
	tst	tty
	bne	again
quit:
	mov	lastst,status
	jmp	leave

/ Read a line behind what is in text already. eof is set at the end of the file.
getline:
	mov	tend,r2
1:
	cmp	r2,$text+textmax
	bhis	5f
	jsr	pc,getc
	bcs	3f
	tst	r0
	beq	1b
	movb	r0,(r2)+
	cmp	r0,$'\n
	bne	1b
2:
	clrb	(r2)
	mov	r2,tend
	rts	pc
3:
	inc	eof
	cmp	r2,$text
	bne	2b
	tst	tty
	beq	4f
	jsr	pc,newline		/ what comes next is not to stand behind the prompt
4:
	jmp	quit
5:
	jmp	syntax

/ r0: the next character of the input. A script is read by the block; from elsewhere
/ the commands want to read too.
getc:
	tst	infd
	bne	1f
	clr	r0
	sys	read; onechar; 1
	bcs	3f
	tst	r0
	beq	2f
	movb	onechar,r0
	rts	pc
1:
	dec	inleft
	bpl	4f
	mov	infd,r0
	sys	read; inbuf; 512.
	bcs	2f
	tst	r0
	beq	2f
	mov	r0,inleft
	dec	inleft
	mov	$inbuf,inptr
4:
	movb	*inptr,r0
	inc	inptr
	clc
	rts	pc
3:
	cmp	r0,$4			/ a signal came
	beq	getc
2:
	clr	inleft
	sec
	rts	pc

/ The next token. tok is w for a word, from tokp to ptr; an operator's character, D
/ for &&, O for ||, A for >>; or 0 at the end.
next:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	ptr,r2
1:
	movb	(r2)+,r0
	cmp	r0,$40
	beq	1b
	cmp	r0,$'\t
	beq	1b
	cmp	r0,$'\\
	bne	2f
	cmpb	(r2),$'\n		/ a line that goes on
	bne	2f
	inc	r2
	tstb	(r2)
	bne	1b
	inc	more
	br	1b
2:
	cmp	r0,$'#
	bne	4f
3:
	movb	(r2)+,r0
	beq	4f
	cmp	r0,$'\n
	bne	3b
4:
	dec	r2
	mov	r2,tokp
	mov	r0,tok
	beq	9f
	jsr	pc,isop
	bne	5f
	inc	r2			/ an operator
	cmpb	r0,(r2)
	bne	9f
	mov	$'D,r1
	cmp	r0,$'&
	beq	8f
	mov	$'O,r1
	cmp	r0,$'|
	beq	8f
	mov	$'A,r1
	cmp	r0,$'>
	bne	9f
8:
	mov	r1,tok
	inc	r2
	br	9f
5:
	mov	$'w,tok
6:
	movb	(r2),r0
	beq	9f
	jsr	pc,isop
	beq	9f
	cmp	r0,$40
	beq	9f
	cmp	r0,$'\t
	beq	9f
	inc	r2
	cmp	r0,$'\\
	bne	7f
	tstb	(r2)
	beq	9f
	inc	r2
	br	6b
7:
	cmp	r0,$''
	beq	7f
	cmp	r0,$'"
	beq	7f
	cmp	r0,$'`
	bne	6b
7:
	mov	r0,r3			/ up to the other quote
8:
	movb	(r2)+,r0
	beq	4f
	cmp	r0,r3
	beq	6b
	cmp	r0,$'\\
	bne	8b
	cmp	r3,$''
	beq	8b
	tstb	(r2)+
	bne	8b
4:
	inc	more
	dec	r2
9:
	mov	r2,ptr
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc
isop:				/ Z: r0 is an operator
	mov	$ops,r1
1:
	cmpb	r0,(r1)
	beq	2f
	tstb	(r1)+
	bne	1b
	cln|clz|clv|clc
2:
	rts	pc
unget:
	mov	tokp,ptr
	rts	pc

/ Is the token the word r0? Z says so.
isword:
	cmpb	tok,$'w
	bne	2f
	mov	tokp,r1
1:
	tstb	(r0)
	beq	3f
	cmpb	(r0)+,(r1)+
	beq	1b
2:
	rts	pc
3:
	cmp	r1,ptr
	rts	pc
/ The next token must be the word r0.
expect:
	mov	r0,-(sp)
	jsr	pc,skipnl
	mov	(sp)+,r0
	jsr	pc,isword
	beq	1f
	jsr	pc,wrong
1:
	rts	pc
/ The next token that is no newline.
skipnl:
	jsr	pc,next
	cmpb	tok,$'\n
	beq	skipnl
	rts	pc
wrong:				/ a mistake, or only the end of what is there
	tst	tok
	bne	1f
	inc	more
	rts	pc
1:
	inc	bad
	rts	pc

/ list: commands up to the end, ) or a word that ends a part of a compound command,
/ which is left as the token.
list:
	mov	r2,-(sp)
	mov	r3,-(sp)
1:
	tst	bad
	bne	9f
	jsr	pc,next
	cmpb	tok,$'\n
	beq	1b
	cmpb	tok,$';
	beq	1b
	tst	tok
	beq	8f
	cmpb	tok,$')
	beq	8f
	mov	$enders,r2
2:
	mov	(r2)+,r0
	beq	3f
	jsr	pc,isword
	beq	8f
	br	2b
3:
	jsr	pc,unget
	mov	ptr,r2
	clr	chain
	inc	noexec			/ what is behind it?
	jsr	pc,andor
	dec	noexec
	tst	noexec
	bne	6f
	cmpb	tok,$'&
	beq	4f
	mov	r2,ptr
	jsr	pc,andor
	tst	errexit
	beq	6f
	tst	lastst
	beq	6f
	jmp	quit
4:
	mov	ptr,r3			/ a process in the background
	jsr	pc,dofork
	bne	5f
	clr	tty
	sys	signal; 2; 1
	sys	signal; 3; 1
	clr	r0
	sys	close
	sys	open; devnull; 0
	mov	r2,ptr
	tst	chain
	bne	7f
	inc	last
7:
	jsr	pc,andor
	jmp	quit
5:
	mov	r0,bgpid
	tst	tty
	beq	2f
	jsr	pc,putnum		/ somebody may want to kill it
	jsr	pc,newline
	jsr	pc,flush
2:
	clr	lastst
	mov	r3,ptr
	movb	$'&,tok
6:
	cmpb	tok,$'\n
	beq	1b
	cmpb	tok,$';
	beq	1b
	cmpb	tok,$'&
	beq	1b
	tst	tok
	beq	8f
	cmpb	tok,$')
	beq	8f
	jsr	pc,wrong
8:
	jsr	pc,unget
9:
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ andor: pipelines with && and || between them. tok is what is behind.
andor:
	jsr	pc,pipeline
1:
	cmpb	tok,$'D
	bne	2f
	tst	lastst
	beq	4f
	br	3f
2:
	cmpb	tok,$'O
	bne	9f
	tst	lastst
	bne	4f
3:
	inc	chain
	inc	noexec			/ not this one
	jsr	pc,skipnl
	jsr	pc,unget
	jsr	pc,pipeline
	dec	noexec
	br	1b
4:
	inc	chain
	jsr	pc,skipnl
	jsr	pc,unget
	jsr	pc,pipeline
	br	1b
9:
	rts	pc

/ pipeline: commands with | between them, each in a process of its own then.
pipeline:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	ptr,r2
	inc	noexec
	jsr	pc,command
	jsr	pc,next
	dec	noexec
	tst	noexec
	beq	2f
1:
	cmpb	tok,$'|
	bne	9f
	jsr	pc,skipnl
	jsr	pc,unget
	jsr	pc,command
	jsr	pc,next
	br	1b
2:
	mov	r2,ptr
	cmpb	tok,$'|
	beq	3f
	jsr	pc,command
	jsr	pc,next
	br	9f
3:
	clr	last
	mov	$-1,r3			/ the pipe to read from
	clr	-(sp)			/ how many
4:
	mov	ptr,r2
	inc	noexec
	jsr	pc,command
	jsr	pc,next
	dec	noexec
	mov	tok,-(sp)
	cmp	(sp),$'|
	bne	5f
	jsr	pc,skipnl
	jsr	pc,unget
	sys	pipe
	bcc	1f
	jmp	nopipe
1:
	mov	r0,pipein
	mov	r1,pipeout
5:
	mov	ptr,-(sp)
	mov	tokp,-(sp)
	jsr	pc,dofork
	bne	7f
	clr	tty
	mov	r3,r0
	bmi	6f
	clr	r1
	jsr	pc,movefd
6:
	cmp	4(sp),$'|
	bne	6f
	mov	pipeout,r0
	mov	$1,r1
	jsr	pc,movefd
	mov	pipein,r0
	sys	close
6:
	mov	r2,ptr
	inc	last
	jsr	pc,command
	jmp	quit
7:
	mov	r0,r4
	inc	6(sp)
	mov	r3,r0
	bmi	8f
	sys	close
8:
	mov	(sp)+,tokp
	mov	(sp)+,ptr
	mov	(sp)+,tok
	cmpb	tok,$'|
	bne	8f
	mov	pipeout,r0
	sys	close
	mov	pipein,r3
	br	4b
8:
	mov	r4,waitpid		/ the last one's status counts
8:
	jsr	pc,waitone
	bcs	8f
	dec	(sp)
	bne	8b
8:
	tst	(sp)+
	clr	waitpid
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc
nopipe:
	mov	r0,errno
	mov	$pipemsg,r0
	mov	$nothing,r1
	jsr	pc,complain
	jmp	quit

/ Descriptor r0 becomes r1.
movefd:
	cmp	r0,r1
	beq	1f
	mov	r0,-(sp)
	bis	$100,r0
	sys	dup
	mov	(sp)+,r0
	sys	close
1:
	rts	pc

/ Fork. r0 is the child's number; Z: this is the child.
dofork:
	jsr	pc,flush
	sys	fork
	br	2f
	bcc	1f
	mov	r0,errno
	mov	$forkmsg,r0
	mov	$nothing,r1
	jsr	pc,complain
	mov	$1,lastst
	tst	tty
	beq	3f
	jmp	again
3:
	jmp	quit
1:
	tst	r0
	rts	pc
2:
	clr	r0
	rts	pc

/ Wait for a child. r0 is its number; when it is waitpid, lastst is its status. C
/ set: there is none.
waitone:
	sys	wait.
	bcc	1f
	cmp	r0,$4
	beq	waitone
	sec
	rts	pc
1:
	cmp	r0,waitpid
	bne	2f
	mov	r1,lastst
	swab	lastst
	bic	$!377,lastst
	bic	$!177,r1
	beq	2f
	mov	r1,lastst		/ a signal
	add	$128.,lastst
	cmp	r1,$2
	beq	2f
	cmp	r1,$13.
	beq	2f
	mov	r0,-(sp)
	mov	$numtext,r0
	clr	errno
	mov	r1,-(sp)
	clr	r0
	jsr	pc,decimal
	mov	r0,r1
	mov	$sigmsg,r0
	jsr	pc,complain
	clr	status
	tst	(sp)+
	mov	(sp)+,r0
2:
	clc
	rts	pc
/ Wait for the child r0.
waitfor:
	mov	r2,-(sp)
	mov	r0,r2
	mov	r0,waitpid
1:
	jsr	pc,waitone
	bcs	2f
	cmp	r0,r2
	bne	1b
2:
	clr	waitpid
	mov	(sp)+,r2
	rts	pc

/ command: a simple or a compound command.
command:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	heapp,-(sp)
	mov	argp,-(sp)
	clr	r4
	tst	noexec
	bne	1f
	mov	last,r4
	clr	last
1:
	mov	r4,-(sp)
	jsr	pc,next
	mov	$compounds,r2
	cmpb	tok,$'(
	beq	3f
1:
	mov	(r2)+,r0
	beq	2f
	jsr	pc,isword
	beq	3f
	tst	(r2)+
	br	1b
2:
	cmpb	tok,$'w
	beq	1f
	cmpb	tok,$'<
	beq	1f
	cmpb	tok,$'>
	beq	1f
	cmpb	tok,$'A
	beq	1f
	jsr	pc,wrong
	br	9f
1:
	jsr	pc,unget
	mov	(sp),r0
	jsr	pc,simple
	br	9f

/ A compound command: pass over it to see whether there is redirection behind.
3:
	cmpb	tok,$'(
	bne	1f
	mov	$subsh,r2
1:
	mov	(r2),r2			/ the routine for it
	mov	ptr,r3
	inc	noexec
	jsr	pc,(r2)
	dec	noexec
	mov	ptr,r4
	clr	redirs
	inc	noexec
	jsr	pc,redirect
	dec	noexec
	tst	noexec
	bne	9f
	tst	bad
	bne	9f
	tst	redirs
	bne	4f
	cmp	r2,$dosub
	beq	4f
	mov	ptr,-(sp)
	mov	r3,ptr
	jsr	pc,(r2)
	mov	(sp)+,ptr
	br	9f
4:
	mov	ptr,-(sp)
	tst	2(sp)
	bne	6f
	jsr	pc,dofork
	bne	5f
6:
	clr	tty
	mov	r4,ptr
	jsr	pc,redirect
	mov	r3,ptr
	jsr	pc,(r2)
	jmp	quit
5:
	jsr	pc,waitfor
	mov	(sp)+,ptr
9:
	tst	(sp)+
	mov	(sp)+,argp
	mov	(sp)+,heapp
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ ( list )
dosub:
	jsr	pc,list
	jsr	pc,next
	cmpb	tok,$')
	beq	1f
	jsr	pc,wrong
1:
	rts	pc
/ { list }
dobrace:
	jsr	pc,list
	mov	$kbrace,r0
	jmp	expect

/ A list that is tested: with -e too it may fail.
condition:
	mov	errexit,-(sp)
	clr	errexit
	jsr	pc,list
	mov	(sp)+,errexit
	rts	pc

/ if list then list [elif list then list] [else list] fi
doif:
	mov	r2,-(sp)
	clr	r2			/ a branch has been taken
1:
	tst	r2
	beq	2f
	inc	noexec
2:
	jsr	pc,condition
	mov	$kthen,r0
	jsr	pc,expect
	tst	noexec
	bne	3f
	tst	lastst
	bne	3f
	inc	r2
	jsr	pc,list
	br	4f
3:
	inc	noexec
	jsr	pc,list
	dec	noexec
4:
	cmp	r2,$1			/ noexec was raised for an elif after it
	blos	5f
	dec	noexec
5:
	tst	bad
	bne	9f
	jsr	pc,skipnl
	mov	$kelif,r0
	jsr	pc,isword
	bne	6f
	tst	r2
	beq	1b
	mov	$2,r2
	br	1b
6:
	mov	$kelse,r0
	jsr	pc,isword
	bne	8f
	tst	r2
	beq	7f
	inc	noexec
7:
	jsr	pc,list
	tst	r2
	beq	7f
	dec	noexec
7:
	jsr	pc,skipnl
	br	7f
8:
	tst	r2			/ nothing was done
	bne	7f
	tst	noexec
	bne	7f
	clr	lastst
7:
	mov	$kfi,r0
	jsr	pc,isword
	beq	9f
	jsr	pc,wrong
9:
	mov	(sp)+,r2
	rts	pc

/ while list do list done
dountil:
	mov	$1,r0
	br	1f
dowhile:
	clr	r0
1:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r0,r4
	mov	ptr,r3
	clr	-(sp)			/ the status of the body
2:
	mov	r3,ptr
	jsr	pc,condition
	mov	$kdo,r0
	jsr	pc,expect
	tst	noexec
	bne	5f
	tst	lastst
	beq	3f
	tst	r4
	beq	4f
	br	1f
3:
	tst	r4
	bne	4f
1:
	jsr	pc,list
	mov	lastst,(sp)
	br	2b
4:
	mov	(sp),lastst
5:
	inc	noexec
	jsr	pc,list
	dec	noexec
	tst	(sp)+
	mov	$kdone,r0
	jsr	pc,expect
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ for name [in words] do list done
dofor:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	jsr	pc,next
	cmpb	tok,$'w
	bne	8f
	mov	tokp,-(sp)
	mov	argp,r3			/ the words: from r3 to r4
	jsr	pc,skipnl
	mov	$kin,r0
	jsr	pc,isword
	beq	1f
	jsr	pc,unget
	jsr	pc,starargs
	br	2f
1:
	jsr	pc,next
	cmpb	tok,$'w
	bne	2f
	jsr	pc,addword
	br	1b
2:
	mov	argp,r4
	cmpb	tok,$';
	beq	3f
	jsr	pc,unget
3:
	mov	$kdo,r0
	jsr	pc,expect
	mov	ptr,r2
	clr	lastst
4:
	tst	noexec
	bne	5f
	cmp	r3,r4
	bhis	5f
	mov	(sp),r0
	mov	(r3)+,r1
	jsr	pc,setvar
	mov	r2,ptr
	jsr	pc,list
	br	4b
5:
	mov	r2,ptr
	inc	noexec
	jsr	pc,list
	dec	noexec
	mov	$kdone,r0
	jsr	pc,expect
	tst	(sp)+
	br	9f
8:
	jsr	pc,wrong
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ redirect: do the redirections that follow, and count them in redirs. The token that
/ is none is given back.
redirect:
	jsr	pc,next
	mov	tok,r0
	cmp	r0,$'<
	beq	1f
	cmp	r0,$'>
	beq	1f
	cmp	r0,$'A
	beq	1f
	cmp	r0,$'w
	bne	2f
	jsr	pc,fdword
	beq	redirect
2:
	jmp	unget
1:
	jsr	pc,redir1
	br	redirect
/ One redirection, with the operator r0.
redir1:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r0,r3
	inc	redirs
	mov	redirfd,-(sp)
	mov	$-1,redirfd
	jsr	pc,next
	cmp	r3,$'>
	bne	1f
	cmpb	tok,$'&			/ >&n
	bne	1f
	jsr	pc,next
	mov	$'&,r3
1:
	cmpb	tok,$'w
	beq	1f
	jsr	pc,wrong
	br	9f
1:
	tst	noexec
	bne	9f
	mov	argp,r2
	jsr	pc,addword
	mov	r2,argp
	mov	(r2),r2			/ the file's name
	cmp	r3,$'&
	bne	1f
	movb	(r2),r0
	sub	$'0,r0
	mov	(sp),r1
	bpl	2f
	mov	$1,r1
2:
	bis	$100,r0
	sys	dup
	br	9f
1:
	mov	r2,opname
	clr	opmode
	cmp	r3,$'<
	beq	3f
	inc	opmode
	cmp	r3,$'>
	beq	2f
	sys	0; opcall
	bcs	2f
	mov	r0,r3
	sys	lseek; 0; 0; 2
	mov	r3,r0
	br	4f
2:
	mov	$666,opmode
	movb	$creat,opcall
	sys	0; opcall
	movb	$open,opcall		/ leaves C alone
	br	1f
3:
	sys	0; opcall
1:
	bcs	8f
4:
	mov	(sp),r1
	bpl	6f
	mov	$1,r1
	cmp	r3,$'<
	bne	6f
	clr	r1
6:
	jsr	pc,movefd
	br	9f
8:
	mov	r0,errno
	mov	$cannot,r0
	mov	r2,r1
	jsr	pc,complain
	mov	$1,lastst
	jmp	quit
9:
	tst	(sp)+
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ simple: assignments, words and redirections. When r0 is not 0 nothing comes after it
/ in this process.
simple:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r0,-(sp)
	mov	argp,r3			/ the words
	clr	redirs
	mov	ptr,r2
1:
	jsr	pc,next
	mov	tok,r0
	cmp	r0,$'w
	beq	2f
	cmp	r0,$'<
	beq	3f
	cmp	r0,$'>
	beq	3f
	cmp	r0,$'A
	beq	3f
	jsr	pc,unget
	br	5f
3:
	inc	noexec			/ for now
	jsr	pc,redir1
	dec	noexec
	br	1b
2:
	jsr	pc,fdword		/ a digit before < or > is its descriptor
	beq	1b
	tst	noexec
	bne	1b
	cmp	r3,argp
	bne	4f
	jsr	pc,assign
	beq	1b
4:
	jsr	pc,addword
	br	1b
5:
	tst	noexec
	bne	9f
	tst	bad
	bne	9f
	mov	argp,r0
	cmp	r0,r3
	bne	6f
	tst	redirs			/ no command: only files are made
	beq	9f
6:
	clr	(r0)
	cmp	r0,r3
	beq	7f
	tst	redirs
	bne	7f
	mov	(r3),r0
	jsr	pc,builtin
	bcs	9f
7:
	tst	(sp)
	bne	8f
	mov	ptr,-(sp)
	mov	tok,-(sp)
	mov	tokp,-(sp)
	jsr	pc,dofork
	beq	8f
	jsr	pc,waitfor
	mov	(sp)+,tokp
	mov	(sp)+,tok
	mov	(sp)+,ptr
9:
	tst	(sp)+
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc
8:
	clr	tty
	clr	lastst
	tst	redirs
	beq	1f
	add	$2,argp			/ behind the words' end
	jsr	pc,redirall
1:
	mov	(r3),r0
	jeq	quit
	jsr	pc,builtin
	jcs	quit
	jmp	doexec

/ Do the redirections of the simple command from r2 to ptr.
redirall:
	mov	ptr,-(sp)
	mov	r2,ptr
1:
	jsr	pc,next
	cmp	tokp,(sp)
	bhis	2f
	mov	tok,r0
	cmp	r0,$'w
	bne	3f
	jsr	pc,fdword
	br	1b
3:
	jsr	pc,redir1
	br	1b
2:
	tst	(sp)+
	rts	pc

/ Z: the word is one digit and an operator of redirection follows at once: then it is
/ redirfd.
fdword:
	mov	tokp,r1
	movb	(r1)+,r0
	cmp	r1,ptr
	bne	2f
	sub	$'0,r0
	cmp	r0,$9.
	bhi	2f
	cmpb	(r1),$'<
	beq	1f
	cmpb	(r1),$'>
	bne	2f
1:
	mov	r0,redirfd
	sez
2:
	rts	pc

/ Z: the word is name=value, and is done.
assign:
	mov	r2,-(sp)
	mov	tokp,r2
	jsr	pc,namelen
	cmp	r1,r2
	beq	1f
	cmpb	(r1)+,$'=
	bne	1f
	mov	tokp,-(sp)
	mov	argp,-(sp)
	mov	r1,tokp
	inc	nosplit
	jsr	pc,addword
	clr	nosplit
	mov	(sp)+,argp
	mov	(sp)+,r0
	mov	*argp,r1
	jsr	pc,setvar
	clr	lastst
	mov	(sp)+,r2
	sez
	rts	pc
1:
	mov	(sp)+,r2
	clz
	rts	pc

/ r1: where the name that starts at r2 ends.
namelen:
	mov	r2,r1
1:
	movb	(r1),r0
	cmp	r0,$'_
	beq	2f
	cmp	r0,$'0
	blt	3f
	cmp	r0,$'9
	ble	4f
	bis	$40,r0
	cmp	r0,$'a
	blt	3f
	cmp	r0,$'z
	bgt	3f
2:
	inc	r1
	br	1b
4:
	cmp	r1,r2			/ no digit first
	bne	2b
3:
	rts	pc

/ Set the variable with the name at r0 (whatever ends it) to the string r1. What it
/ had is lost in the heap of variables; when that is full the shell ends.
setvar:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r1,r4
	mov	r0,r2
	jsr	pc,namelen
	sub	r2,r1
	mov	r1,r3			/ its length
	jsr	pc,findvar
	mov	varp,r1
	mov	r0,-(sp)
	bne	1f
	mov	$vars,r0		/ a new one
2:
	tst	(r0)+
	bne	2b
	cmp	r0,$vars+[2*varsmax]
	bhis	8f
	clr	(r0)
	tst	-(r0)
	mov	r0,(sp)
	br	3f
1:
	mov	(r0),r0			/ the old value is long enough?
	cmp	r0,$varheap
	blo	3f
	add	r3,r0
	inc	r0
	mov	r0,-(sp)
	mov	r4,r1
4:
	tstb	(r1)+
	beq	5f
	tstb	(r0)+
	bne	4b
	tst	(sp)+
	mov	varp,r1
	br	3f
5:
	mov	(sp)+,r0
	mov	r4,r1
	jsr	pc,strcpy
	br	9f
3:
	mov	r4,r0			/ room for name=value?
1:
	tstb	(r0)+
	bne	1b
	sub	r4,r0
	add	r3,r0
	inc	r0
	mov	r0,r1
	add	varp,r1
	cmp	r1,$varheap+varmax
	blo	2f
	mov	$nothing,*(sp)		/ the old one goes
	jsr	pc,compact
	add	varp,r0
	cmp	r0,$varheap+varmax
	bhis	8f
2:
	mov	(sp),r0
	mov	varp,r1
	mov	r1,(r0)
	tst	r3
	beq	7f
6:
	movb	(r2)+,(r1)+
	sob	r3,6b
7:
	movb	$'=,(r1)+
	mov	r1,r0
	mov	r4,r1
	jsr	pc,strcpy
	inc	r0
	mov	r0,varp
	br	9f
8:
	mov	$varmsg,r0
	mov	$nothing,r1
	jsr	pc,complain
	jmp	leave
9:
	tst	(sp)+
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ Put the variables together at the start of their heap. r0 stays.
compact:
	mov	r0,-(sp)
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	heapp,r0
	add	$200.,r0		/ by way of the other heap
	mov	r0,r3
	mov	$vars,r2
1:
	mov	(r2)+,r1
	beq	2f
	cmp	r1,$varheap
	blo	1b
	cmp	r0,$heap+heapmax-200.
	bhis	8b
	mov	r0,-2(r2)
	sub	r3,-2(r2)
	add	$varheap,-2(r2)
	jsr	pc,strcpy
	inc	r0
	br	1b
2:
	mov	$varheap,r1
3:
	cmp	r3,r0
	bhis	4f
	movb	(r3)+,(r1)+
	br	3b
4:
	mov	r1,varp
	mov	(sp)+,r3
	mov	(sp)+,r2
	mov	(sp)+,r0
	rts	pc

/ r0: at the pointer to the variable whose name is r3 bytes at r2, or 0; r1: its value.
findvar:
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	$vars,r4
1:
	mov	(r4)+,r1
	beq	4f
	mov	r2,r0
	mov	r3,r5
	beq	4f
2:
	cmpb	(r0)+,(r1)+
	bne	1b
	sob	r5,2b
	cmpb	(r1)+,$'=
	bne	1b
	mov	r4,r0
	tst	-(r0)
	br	5f
4:
	clr	r0
	mov	$nothing,r1
5:
	mov	(sp)+,r5
	mov	(sp)+,r4
	tst	r0
	rts	pc

/ addword: the word at tokp, with all that is to be put in for what is in it, becomes
/ arguments. Characters that are quoted have their high bit set until the end, so that
/ they match only themselves.
addword:
	tst	noexec
	bne	1f
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r5,-(sp)
	mov	heapp,r5		/ r5: where the argument grows
	mov	tokp,r2
	mov	ptr,r4
	clr	quoted
	clr	glob
	clr	anyq
	jsr	pc,expand
	mov	nosplit,r0
	bis	anyq,r0
	bne	2f
	cmp	r5,heapp		/ nothing: no argument
	beq	3f
2:
	jsr	pc,endarg
3:
	mov	(sp)+,r5
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
1:
	rts	pc

/ The argument from heapp to r5 is complete.
endarg:
	clrb	(r5)+
	cmp	r5,$heap+heapmax-200.
	blo	1f
2:
	mov	$toomany,r0
	mov	$nothing,r1
	jsr	pc,complain
	jmp	quit
1:
	mov	argp,r0
	cmp	r0,$args+[2*argsmax]-4
	bhis	2b
	mov	heapp,(r0)+
	mov	r0,argp
	mov	heapp,r0
	mov	r5,heapp
	tst	glob
	beq	3f
	tst	nosplit
	bne	3f
	clr	glob
	jsr	pc,doglob
	mov	heapp,r5
	rts	pc
3:
	clr	glob
	br	strip
/ Clear the high bits of the string r0.
strip:
	bicb	$200,(r0)
	tstb	(r0)+
	bne	strip
	rts	pc

/ Expand the text from r2 to r4 to r5.
expand:
	cmp	r2,r4
	blo	1f
	rts	pc
1:
	clr	r0
	bisb	(r2)+,r0
	cmp	r0,$'\\
	bne	2f
	tst	quoted
	beq	3f
	movb	(r2),r1			/ in "" only before these
	cmp	r1,$'"
	beq	3f
	cmp	r1,$'$
	beq	3f
	cmp	r1,$'\\
	beq	3f
	cmp	r1,$'`
	bne	8f
3:
	clr	r0
	bisb	(r2)+,r0
	inc	anyq
	br	8f
2:
	cmp	r0,$''
	bne	4f
	tst	quoted
	bne	8f
	inc	anyq
3:
	clr	r0
	bisb	(r2)+,r0
	beq	expand
	cmp	r0,$''
	beq	expand
	bis	$200,r0
	movb	r0,(r5)+
	br	3b
4:
	cmp	r0,$'"
	bne	5f
	inc	anyq
	mov	$1,r0
	xor	r0,quoted
	br	expand
5:
	cmp	r0,$'$
	bne	6f
	jsr	pc,dollar
	br	expand
6:
	cmp	r0,$'`
	bne	6f
	jsr	pc,backquote
	br	expand
6:
	tst	quoted
	bne	8f
	cmp	r0,$'*
	beq	7f
	cmp	r0,$'?
	beq	7f
	cmp	r0,$'[
	bne	9f
7:
	inc	glob
	br	9f
8:
	bis	$200,r0
9:
	movb	r0,(r5)+
	br	expand

/ $: what the variable has.
dollar:
	mov	r3,-(sp)
	mov	r4,-(sp)
	movb	(r2),r0
	cmp	r0,$'{
	beq	3f
	mov	r2,r4
	jsr	pc,namelen
	cmp	r1,r2
	beq	4f
	mov	r1,r3
	sub	r2,r3
	mov	r1,-(sp)
	jsr	pc,findvar
	mov	(sp)+,r2
	br	insert
3:
	inc	r2			/ ${name}
	jsr	pc,namelen
	mov	r1,r3
	sub	r2,r3
	mov	r1,-(sp)
	jsr	pc,findvar
	mov	(sp)+,r2
	cmpb	(r2),$'}
	bne	insert
	inc	r2
	br	insert
4:
	movb	(r2)+,r0
	cmp	r0,$'?
	bne	1f
	mov	lastst,r1
	br	5f
1:
	cmp	r0,$'#
	bne	1f
	mov	posn,r1
	br	5f
1:
	cmp	r0,$'!
	bne	1f
	mov	bgpid,r1
	br	5f
1:
	cmp	r0,$'$
	bne	1f
	sys	getpid
	mov	r0,r1
5:
	clr	r0
	jsr	pc,decimal
	mov	r0,r1
	br	insert
1:
	cmp	r0,$'*
	beq	6f
	cmp	r0,$'@
	beq	6f
	sub	$'0,r0
	cmp	r0,$9.
	bhi	7f
	mov	$nothing,r1
	cmp	r0,posn
	bhi	insert
	asl	r0
	add	posp,r0
	mov	(r0),r1
	br	insert
6:
	mov	posp,r3			/ all of them
	mov	posn,r4
1:
	tst	(r3)+
	dec	r4
	bmi	9f
	mov	(r3),r1
	jsr	pc,insert1
	tst	r4
	beq	1b
	mov	$blank,r1
	jsr	pc,insert1
	br	1b
7:
	dec	r2			/ only a $
	movb	$'$,(r5)+
	br	9f
insert:
	jsr	pc,insert1
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	rts	pc

/ Put in the string r1. Outside of quotes blanks in it separate arguments.
insert1:
	mov	r3,-(sp)
	mov	r1,r3
1:
	clr	r0
	bisb	(r3)+,r0
	beq	9f
	tst	quoted
	bne	3f
	tst	nosplit
	bne	2f
	cmp	r0,$40
	beq	4f
	cmp	r0,$'\t
	beq	4f
	cmp	r0,$'\n
	beq	4f
	cmp	r0,$'*
	beq	5f
	cmp	r0,$'?
	bne	2f
5:
	inc	glob
	br	2f
3:
	bis	$200,r0
2:
	movb	r0,(r5)+
	br	1b
4:
	cmp	r5,heapp
	beq	1b
	jsr	pc,endarg
	br	1b
9:
	mov	(sp)+,r3
	rts	pc

/ `command`: what it prints.
backquote:
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r2,r3
1:
	tstb	(r2)
	beq	2f
	cmpb	(r2)+,$'`
	bne	1b
2:
	mov	tok,-(sp)
	mov	tokp,-(sp)
	mov	ptr,-(sp)
	sys	pipe
	bcc	3f
	jmp	nopipe
3:
	mov	r0,pipein
	mov	r1,pipeout
	mov	r5,r4
	jsr	pc,dofork
	bne	5f
	mov	pipeout,r0
	mov	$1,r1
	jsr	pc,movefd
	mov	pipein,r0
	sys	close
	clr	tty
	clrb	-1(r2)
	mov	r3,ptr
	clr	quoted
	clr	nosplit
	jsr	pc,list
	jmp	quit
5:
	mov	r0,-(sp)
	mov	pipeout,r0
	sys	close
	mov	$heap+heapmax-1300.,r3	/ what it prints, up to 1000 bytes
	cmp	r5,r3
	bhis	7f
6:
	mov	r3,bqat
	mov	$heap+heapmax-300.,r0
	sub	r3,r0
	beq	7f
	mov	r0,bqlen
	mov	pipein,r0
	sys	0; bqcall
	bcs	7f
	tst	r0
	beq	7f
	add	r0,r3
	br	6b
7:
	mov	pipein,r0
	sys	close
	mov	lastst,r4
	mov	(sp)+,r0
	jsr	pc,waitfor
	mov	r4,lastst
	mov	(sp)+,ptr
	mov	(sp)+,tokp
	mov	(sp)+,tok
8:
	clrb	(r3)
	cmpb	-(r3),$'\n		/ without newlines at the end
	beq	8b
	mov	$heap+heapmax-1300.,r1
	jsr	pc,insert1
	mov	(sp)+,r4
	mov	(sp)+,r3
	rts	pc

/ The argument before argp, the string r0, is a pattern: it becomes the names that
/ match, in order, or stays.
doglob:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	r0,r4			/ r4: the pattern
	mov	r0,r1
	mov	r0,r2			/ r2: its last component
1:
	movb	(r1)+,r0
	beq	2f
	cmp	r0,$'/
	bne	1b
	mov	r1,r2
	br	1b
2:
	mov	$dotname,r0
	mov	r2,r3
	sub	r4,r3			/ r3: the length of the directory before
	beq	3f
	mov	heapp,r0
	mov	r4,r1
	mov	r3,-(sp)
1:
	movb	(r1)+,(r0)
	bicb	$200,(r0)+
	sob	r3,1b
	mov	(sp)+,r3
	clrb	(r0)
	mov	heapp,r0
3:
	mov	r0,opname
	clr	opmode
	sys	0; opcall
	bcs	8f
	mov	r0,-(sp)
	mov	argp,r0
	tst	-(r0)
	mov	r0,firstarg
	mov	r0,argp
4:
	mov	(sp),r0
	sys	read; dirent; 16.
	bcs	6f
	cmp	r0,$16.
	bne	6f
	tst	dirent
	beq	4b
	cmpb	dirent+2,$'.
	bne	5f
	cmpb	(r2),$'.
	bne	4b
5:
	mov	$dirent+2,r0
	mov	r2,r1
	jsr	pc,match
	bne	4b
	jsr	pc,globadd
	br	4b
6:
	mov	(sp)+,r0
	sys	close
	cmp	argp,firstarg
	bne	9f
	mov	argp,r0			/ none
	mov	r4,(r0)+
	mov	r0,argp
8:
	mov	r4,r0
	jsr	pc,strip
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ A name that matches: with the directory of r3 bytes at r4 before it it becomes an
/ argument in its place.
globadd:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	heapp,r0
	cmp	r0,$heap+heapmax-1600.
	blo	1f
	jmp	endarg
1:
	mov	r4,r1
	tst	r3
	beq	2f
1:
	movb	(r1)+,(r0)
	bicb	$200,(r0)+
	sob	r3,1b
2:
	mov	$dirent+2,r1
	jsr	pc,strcpy
	inc	r0
	mov	argp,r2
	cmp	r2,$args+[2*argsmax]-4
	bhis	5f
	mov	heapp,r3
	mov	r0,heapp
	add	$2,argp
3:
	cmp	r2,firstarg
	blos	4f
	mov	-2(r2),r0
	mov	r3,r1
	jsr	pc,strcmp
	blos	4f
	mov	-2(r2),(r2)
	tst	-(r2)
	br	3b
4:
	mov	r3,(r2)
5:
	mov	(sp)+,r3
	mov	(sp)+,r2
	rts	pc

/ Z: the string r0 matches the pattern r1. * is any string, ? any character, [a-c]
/ any of these.
match:
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
1:
	clr	r2
	bisb	(r1)+,r2
	beq	7f
	cmp	r2,$'*
	beq	4f
	clr	r3
	bisb	(r0)+,r3
	beq	8f
	cmp	r2,$'?
	beq	1b
	cmp	r2,$'[
	beq	2f
	bic	$200,r2
	cmp	r2,r3
	beq	1b
	br	8f
2:
	clr	r4			/ found
3:
	clr	r2
	bisb	(r1)+,r2
	beq	8f
	cmp	r2,$']
	beq	6f
	bic	$200,r2
	cmp	r2,r3
	bhi	5f
	cmpb	(r1),$'-
	beq	5f
	cmp	r2,r3
	bne	5f
	inc	r4
5:
	cmpb	(r1),$'-
	bne	3b
	inc	r1
	cmp	r2,r3
	bhi	5f
	cmpb	(r1),r3
	blo	5f
	inc	r4
5:
	tstb	(r1)+
	br	3b
6:
	tst	r4
	bne	1b
	br	8f
4:
	mov	r0,-(sp)
	mov	r1,-(sp)
	jsr	pc,match
	beq	5f
	mov	(sp)+,r1
	mov	(sp)+,r0
	tstb	(r0)+
	bne	4b
8:
	mov	$1,r0
	br	9f
5:
	cmp	(sp)+,(sp)+
	clr	r0
	br	9f
7:
	movb	(r0),r0			/ both must end here
9:
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	tst	r0
	rts	pc

/ $*: all arguments of the script become arguments.
starargs:
	tst	noexec
	bne	9f
	mov	posp,r0
	mov	argp,r1
	mov	posn,-(sp)
1:
	tst	(r0)+
	dec	(sp)
	bmi	2f
	mov	(r0),(r1)+
	br	1b
2:
	tst	(sp)+
	mov	r1,argp
9:
	rts	pc

/ Is the string r0 a command that the shell does itself? C set: it is, and is done.
builtin:
	mov	r2,-(sp)
	mov	r0,-(sp)
	mov	$builtins,r2
1:
	mov	(r2)+,r1
	beq	2f
	mov	(sp),r0
	jsr	pc,strcmp
	beq	3f
	tst	(r2)+
	br	1b
2:
	tst	(sp)+
	mov	(sp)+,r2
	clc
	rts	pc
3:
	clr	lastst
	tst	(sp)+
	jsr	pc,*(r2)
	mov	(sp)+,r2
	sec
	rts	pc

/ The built-in commands; r3 is at their words.
dofalse:
	inc	lastst
dotrue:
	rts	pc
doexit:
	mov	2(r3),r0
	beq	1f
	jsr	pc,number
	mov	r0,lastst
	jmp	quit
1:
	jmp	quit
docd:
	mov	2(r3),r0
	bne	1f
	mov	$rootname,r0
1:
	mov	r0,cdname
	sys	0; cdcall
	bcc	2f
	mov	r0,errno
	mov	$nothing,r0
	mov	cdname,r1
	jsr	pc,complain
	clr	status
	inc	lastst
2:
	rts	pc
dowait:
	jsr	pc,waitone
	bcc	dowait
	rts	pc
doumask:
	mov	2(r3),r1
	beq	3f
	clr	r0
1:
	movb	(r1)+,r2
	beq	2f
	asl	r0
	asl	r0
	asl	r0
	bic	$!7,r2
	bis	r2,r0
	br	1b
2:
	mov	r0,umval
	sys	0; umcall
3:
	rts	pc
doshift:
	tst	posn
	beq	1f
	dec	posn
	add	$2,posp
	mov	-2(r3),r0		/ $0 stays
1:
	rts	pc
dofexec:
	tst	(r3)+
	tst	(r3)
	beq	1b
	sys	signal; 2; 0
	jmp	doexec
doread:
	mov	heapp,r2
1:
	clr	r0
	sys	read; onechar; 1
	bcs	8f
	tst	r0
	beq	8f
	cmpb	onechar,$'\n
	beq	2f
	movb	onechar,(r2)+
	br	1b
8:
	cmp	r2,heapp
	bne	2f
	inc	lastst
2:
	clrb	(r2)
	mov	2(r3),r0
	beq	3f
	mov	heapp,r1
	jmp	setvar
3:
	rts	pc

/ Execute the words at r3: what has a slash as it is, others from the directories in
/ PATH.
doexec:
	mov	(r3),r0
	mov	r3,exargv
1:
	movb	(r0)+,r1
	beq	2f
	cmp	r1,$'/
	bne	1b
	mov	(r3),r0
	jsr	pc,tryexec
	br	9f
2:
	mov	r3,-(sp)
	mov	$pathname,r2
	mov	$4,r3
	jsr	pc,findvar
	mov	(sp)+,r3
	bne	3f
	mov	$defpath,r1
3:
	mov	r1,r4
4:
	mov	heapp,r0
5:
	movb	(r4)+,r1
	beq	6f
	cmp	r1,$':
	beq	6f
	movb	r1,(r0)+
	br	5b
6:
	mov	r1,r5
	cmp	r0,heapp
	beq	7f
	movb	$'/,(r0)+
7:
	mov	(r3),r1
	jsr	pc,strcpy
	mov	heapp,r0
	jsr	pc,tryexec
	tst	r5
	bne	4b
9:
	tst	errno
	beq	8f
	cmp	errno,$2
	bne	1f
8:
	clr	errno
	mov	(r3),r1
	mov	$notfound,r0
	jsr	pc,complain
	mov	$127.,lastst
	jmp	quit
1:
	mov	(r3),r1
	mov	$nothing,r0
	jsr	pc,complain
	mov	$126.,lastst
	jmp	quit
/ Execute the file r0, or let a shell read it.
tryexec:
	mov	r0,exname
	sys	0; excall
	cmp	r0,$8.
	beq	2f
	cmp	r0,$2
	beq	1f
	mov	r0,errno
1:
	rts	pc
2:
	mov	exname,(r3)
	mov	$shname,-(r3)		/ there is always room
	mov	r3,exargv
	mov	$shpath,exname
	sys	0; excall
	mov	r0,errno
	rts	pc

	.data
opcall:	sys open
opname:	0
opmode:	0
cdcall:	sys chdir
cdname:	0
umcall:	sys umask
umval:	0
excall:	sys exece
exname:	0
exargv:	0; vars
bqcall:	sys read
bqat:	0
bqlen:	0
redirfd: -1
varp:	varheap

ops:	<;&|\<\>()\n\0>
	.even
enders:	kdo; kdone; kthen; kelse; kelif; kfi; kbrace; 0
compounds:
	kfor; dofor
	kwhile; dowhile
	kuntil; dountil
	kif; doif
	kopen; dobrace
	0
subsh:	dosub
builtins:
	bcolon; dotrue
	btrue; dotrue
	bfalse; dofalse
	bcd; docd
	bexit; doexit
	bwait; dowait
	bumask; doumask
	bexport; dotrue
	bshift; doshift
	bread; doread
	bexec; dofexec
	0
kdo:	<do\0>
kdone:	<done\0>
kthen:	<then\0>
kelse:	<else\0>
kelif:	<elif\0>
kfi:	<fi\0>
kfor:	<for\0>
kin:	<in\0>
kwhile:	<while\0>
kuntil:	<until\0>
kif:	<if\0>
kopen:	<{\0>
kbrace:	<}\0>
bcolon:	<:\0>
btrue:	<true\0>
bfalse:	<false\0>
bcd:	<cd\0>
bexit:	<exit\0>
bwait:	<wait\0>
bumask:	<umask\0>
bexport: <export\0>
bshift:	<shift\0>
bread:	<read\0>
bexec:	<exec\0>
minusc:	<-c\0>
minuse:	<-e\0>
prompt:	<# \0>
prompt2: <\> \0>
ps1:	<PS1\0>
ps2:	<PS2\0>
synmsg:	<syntax error\0>
cannot:	<cannot open \0>
pipemsg: <no pipe\0>
forkmsg: <no process\0>
sigmsg:	<signal \0>
notfound: <not found: \0>
toomany: <too many arguments\0>
varmsg:	<too many variables\0>
devnull: </dev/null\0>
shpath:	</bin/sh\0>
shname:	<sh\0>
rootname: </\0>
dotname: <.\0>
pathname: <PATH\0>
defpath: <:/bin:/etc:/usr/bin\0>
blank:	< \0>
nothing: <\0>
	.even
numtext = nothing

	.bss
posp:	.=.+2
posn:	.=.+2
topsp:	.=.+2
tty:	.=.+2		/ prompt
eof:	.=.+2
once:	.=.+2
errexit: .=.+2		/ -e: the first command that fails ends the shell
infd:	.=.+2
inleft:	.=.+2
inptr:	.=.+2
onechar: .=.+2
tend:	.=.+2
ptr:	.=.+2
tok:	.=.+2
tokp:	.=.+2
noexec:	.=.+2
more:	.=.+2		/ the text is not complete
bad:	.=.+2		/ or wrong
lastst:	.=.+2		/ $?
bgpid:	.=.+2		/ $!
last:	.=.+2		/ the next command is this process's last
chain:	.=.+2		/ && and || that were seen
waitpid: .=.+2
redirs:	.=.+2
quoted:	.=.+2
anyq:	.=.+2
glob:	.=.+2
nosplit: .=.+2
pipein:	.=.+2
pipeout: .=.+2
firstarg: .=.+2
heapp:	.=.+2
argp:	.=.+2
ttybuf:	.=.+6
dirent:	.=.+18.
	.=.+2		/ room before args for sh
args:	.=.+[2*argsmax]
vars:	.=.+[2*varsmax]
inbuf:	.=.+512.
varheap: .=.+varmax
heap:	.=.+heapmax
text:	.=.+textmax+2
	.text

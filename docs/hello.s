/ prints a line on the console: v7em asm docs/hello.s; v7em bare docs/hello.lda
start:	mov	$text,r1
1:	tstb	*$177564	/ is the printer ready?
	bpl	1b
	movb	(r1)+,*$177566
	bne	1b		/ a zero byte ends the text
	halt
text:	<hello from a bare machine\n\0>
	.even

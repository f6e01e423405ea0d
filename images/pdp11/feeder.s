/ What hands on to a script's commands what v7em types for them on the console, which is
/ raw. It comes in chunks: a byte that says how many bytes follow, these, and a byte with
/ the chunk's number, from 1 on, by which it is noticed when the terminal has thrown some
/ away. A chunk of none ends it.

exit	= 1
read	= 3
write	= 4

	.text
	mov	$1,r5			/ r5: the number of the chunk
chunk:
	jsr	pc,get
	mov	r0,r3
	beq	done
	mov	$buf,r4
1:
	jsr	pc,get
	movb	r0,(r4)+
	sob	r3,1b
	jsr	pc,get
	cmpb	r0,r5
	bne	lost
	inc	r5
	sub	$buf,r4
	mov	r4,count
	mov	$1,r0
	sys	0; writebuf
	bcc	chunk
done:
	clr	r0
	sys	exit
lost:
	mov	$2,r0
	sys	write; message; length
	mov	$1,r0
	sys	exit

/ r0: the next byte. Without one the program ends.
get:
	dec	left
	bpl	1f
	clr	r0
	sys	read; in; 256.
	bcs	done
	tst	r0
	beq	done
	mov	r0,left
	dec	left
	mov	$in,next
1:
	clr	r0
	bisb	*next,r0
	inc	next
	rts	pc

	.data
writebuf: sys write; buf
count:	0
left:	0
next:	0
message: <v7em: the terminal was set anew while it carried standard input: the rest is lost\n>
length = . - message
	.even
	.bss
buf:	.=.+256.
in:	.=.+256.

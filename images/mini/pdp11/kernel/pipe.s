/ Pipes. A pipe is a file without a name, of at most 4096 bytes, on the root's
/ device. Who reads waits at its inode + 2, who writes at its inode + 1.
pipsiz	= 4096.

	.text
pipe:
	mov	_rootdev,r0
	jsr	pc,ialloc
	bcs	9f
	mov	r0,r3
	jsr	pc,falloc
	bcs	8f
	mov	r2,r4			/ r4: to read from
	mov	ur0,r5
	jsr	pc,falloc
	bcs	7f
	mov	ur0,ur1
	mov	r5,ur0
	movb	$fwrite+fpipe,f.flag(r2)
	movb	$fread+fpipe,f.flag(r4)
	mov	r3,f.inode(r2)
	mov	r3,f.inode(r4)
	movb	$2,i.count(r3)
	mov	$ifreg,i.mode(r3)
	movb	$ilock+iacc+iupd+ichg,i.flag(r3)
	clr	i.nlink(r3)
	mov	u.uid,i.uid(r3)
	mov	u.gid,i.gid(r3)
	clr	i.size(r3)
	clr	i.size+2(r3)
	mov	r3,r0
	jsr	pc,prele
	clc
9:
	rts	pc
7:
	asl	r5
	clr	u.ofile(r5)
	clrb	f.count(r4)
8:
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc

/ Read from pipe r2.
readp:
	jsr	r5,save
	mov	f.inode(r2),r3
1:
	mov	r3,r0
	jsr	pc,plock
	tst	i.size+2(r3)
	bne	3f
	cmpb	i.count(r3),$2
	bhis	2f
	mov	r3,r0			/ nobody writes any more: the end
	jmp	prele
2:
	bis	$iread,i.mode(r3)
	mov	r3,r0
	jsr	pc,prele
	mov	r3,r0
	add	$2,r0
	mov	$ppipe,r1
	jsr	pc,sleep
	br	1b
3:
	mov	f.off(r2),u.off
	mov	f.off+2(r2),u.off+2
	mov	r3,r0
	jsr	pc,readi
	mov	u.off,f.off(r2)
	mov	u.off+2,f.off+2(r2)
	cmp	u.off+2,i.size+2(r3)
	bne	4f
	clr	f.off+2(r2)		/ all is read: start again
	clr	i.size+2(r3)
	bit	$iwrite,i.mode(r3)
	beq	4f
	bic	$iwrite,i.mode(r3)
	mov	r3,r0
	inc	r0
	jsr	pc,wakeup
4:
	mov	r3,r0
	jmp	prele

/ Write to pipe r2.
writep:
	jsr	r5,save
	mov	f.inode(r2),r3
	mov	u.count,r4		/ what is left
1:
	mov	r3,r0
	jsr	pc,plock
	tst	r4
	bne	2f
	clr	u.count
	mov	r3,r0
	jmp	prele
2:
	cmpb	i.count(r3),$2
	bhis	3f
	mov	r3,r0			/ nobody reads any more
	jsr	pc,prele
	mov	u.procp,r0
	mov	$sigpipe,r1
	jsr	pc,psignal
	jmp	epipe
3:
	cmp	i.size+2(r3),$pipsiz
	blo	4f
	bis	$iwrite,i.mode(r3)
	mov	r3,r0
	jsr	pc,prele
	mov	r3,r0
	inc	r0
	mov	$ppipe,r1
	jsr	pc,sleep
	br	1b
4:
	clr	u.off
	mov	i.size+2(r3),u.off+2
	mov	$pipsiz,u.count
	sub	u.off+2,u.count		/ no further than its end
	cmp	u.count,r4
	blos	5f
	mov	r4,u.count
5:
	sub	u.count,r4
	mov	r3,r0
	jsr	pc,writei
	mov	r3,r0
	jsr	pc,prele
	bit	$iread,i.mode(r3)
	beq	6f
	bic	$iread,i.mode(r3)
	mov	r3,r0
	add	$2,r0
	jsr	pc,wakeup
6:
	tstb	u.error
	beq	1b
	rts	pc

/ From names to inodes.

	.text
/ r0: the inode, locked, of the path at u.dirp in the program. With r0 = 1 the last
/ component may be missing: then r0 is 0 and an entry can be made in the directory
/ u.pdir, locked, at u.off. With r0 = 2 the result is the directory that has the last
/ component: u.dent is its entry, at u.off.
namei:
	jsr	r5,save
	mov	r0,r4			/ r4: what for
	jsr	pc,pathc
	bcs	9f
	mov	u.cdir,r2
	cmp	r3,$'/
	bne	1f
	mov	rootdir,r2
	jsr	pc,slashes
	bcs	9f
1:
	tst	r3			/ an empty path is the directory itself,
	bne	2f			/ which cannot be made or removed
	tst	r4
	jne	enoent
2:
	mov	i.dev(r2),r0
	mov	i.numbe(r2),r1
	jsr	pc,iget
	bcs	9f
	mov	r0,r2			/ r2: the directory

/ The next component goes to u.dbuf; r3 becomes the character behind it.
component:
	tst	r3
	bne	1f
	mov	r2,r0
	clc
9:
	rts	pc
1:
	mov	i.mode(r2),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	beq	2f
	jsr	pc,enotdir
	br	iputfail
2:
	mov	$iexec,r1
	mov	r2,r0
	jsr	pc,permit
	bcs	iputfail
	mov	$u.dbuf,r5
3:
	cmp	r5,$u.dbuf+14.
	bhis	4f
	movb	r3,(r5)+
4:
	jsr	pc,pathc
	bcs	iputfail
	tst	r3
	beq	5f
	cmp	r3,$'/
	bne	3b
	jsr	pc,slashes
	bcs	iputfail
5:
	cmp	r5,$u.dbuf+14.
	bhis	search
	clrb	(r5)+
	br	5b

iputfail:
	mov	r2,r0
	jsr	pc,iput
	sec
	rts	pc

/ Look for it in directory r2.
search:
	mov	r4,-(sp)
	mov	r3,-(sp)
	mov	i.size(r2),r0		/ r3: entries left
	mov	i.size+2(r2),r3
	mov	r0,r1
	ash	$-4,r3
	bic	$!7777,r3
	ash	$12.,r1
	bis	r1,r3
	clr	u.off
	clr	u.off+2
	mov	$-1,-(sp)		/ the first free slot
	mov	$-1,-(sp)
	clr	r4			/ the block at hand
1:
	tst	r3
	beq	6f
	bit	$777,u.off+2
	bne	2f
	mov	r4,r0
	beq	3f
	jsr	pc,brelse
3:
	clr	r4
	mov	u.off,r0
	mov	u.off+2,r1
	ashc	$-9.,r0
	mov	r2,r0
	mov	r2,-(sp)
	clr	r2
	jsr	pc,bmap
	mov	(sp)+,r2
	bcs	8f
	mov	r0,r1
	beq	8f			/ no directory has holes
	mov	i.dev(r2),r0
	jsr	pc,bread
	bcs	8f
	mov	r0,r4
	mov	b.addr(r4),r5
2:
	tst	(r5)
	bne	4f
	cmp	(sp),$-1
	bne	5f
	mov	u.off+2,(sp)
	mov	u.off,2(sp)
	br	5f
4:
	mov	r5,r0
	tst	(r0)+
	mov	$u.dbuf,r1
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	bne	5f
	cmp	(r0)+,(r1)+
	beq	found
5:
	add	$16.,r5
	add	$16.,u.off+2
	adc	u.off
	dec	r3
	br	1b

6:				/ it is not there
	mov	r4,r0
	beq	7f
	jsr	pc,brelse
7:
	mov	(sp)+,r0
	mov	(sp)+,r1
	mov	(sp)+,r3
	mov	(sp)+,r4
	tst	r3
	bne	7f
	cmp	r4,$1
	bne	7f
	cmp	r0,$-1
	beq	1f
	mov	r0,u.off+2
	mov	r1,u.off
1:
	mov	$iwrite,r1
	mov	r2,r0
	jsr	pc,permit
	jcs	iputfail
	mov	r2,u.pdir
	clr	r0
	clc
	rts	pc
7:
	jsr	pc,enoent
	jmp	iputfail
8:
	mov	r4,r0
	beq	1f
	jsr	pc,brelse
1:
	add	$8.,sp
	tstb	u.error
	bne	1f
	jsr	pc,eio
1:
	jmp	iputfail

found:
	mov	$u.dent,r0
	mov	$8.,r1
1:
	mov	(r5)+,(r0)+
	sob	r1,1b
	mov	r4,r0
	jsr	pc,brelse
	cmp	(sp)+,(sp)+
	mov	(sp)+,r3
	mov	(sp)+,r4
	tst	r3
	bne	2f
	cmp	r4,$2
	bne	2f
	mov	$iwrite,r1
	mov	r2,r0
	jsr	pc,permit
	jcs	iputfail
	mov	r2,r0
	clc
	rts	pc
2:
	cmp	i.numbe(r2),$rootino	/ .. leads out of a mounted file system
	bne	4f
	cmp	u.dent,$rootino
	bne	4f
	cmp	u.dent+2,$"..
	bne	4f
	tstb	u.dent+4
	bne	4f
	mov	$_mount+m.size,r1
3:
	tst	m.bufp(r1)
	beq	1f
	cmp	m.dev(r1),i.dev(r2)
	beq	5f
1:
	add	$m.size,r1
	cmp	r1,$_mount+[m.size*nmount]
	blo	3b
	br	4f
5:
	mov	m.inodp(r1),r5
	mov	r2,r0
	jsr	pc,iput
	mov	r5,r2
	incb	i.count(r2)
	mov	r2,r0
	jsr	pc,plock
	jmp	search
4:
	mov	i.dev(r2),r5
	mov	r2,r0
	jsr	pc,iput
	mov	r5,r0
	mov	u.dent,r1
	jsr	pc,iget
	bcs	6f
	mov	r0,r2
	jmp	component
6:
	rts	pc

/ r3: the next character of the path.
pathc:
	mov	u.dirp,r0
	inc	u.dirp
	jsr	pc,fubyte
	mov	r0,r3			/ leaves C alone
	rts	pc
slashes:			/ the next one that is no slash
	jsr	pc,pathc
	bcs	1f
	cmp	r3,$'/
	beq	slashes
	clc
1:
	rts	pc

/ May this process access inode r0? r1 is iread, iwrite or iexec.
permit:
	cmp	r1,$iwrite
	bne	1f
	mov	r0,-(sp)
	mov	r1,-(sp)
	mov	i.dev(r0),r0
	jsr	pc,getfs
	tstb	s.ronly(r0)
	bne	7f
	mov	(sp)+,r1
	mov	(sp)+,r0
1:
	tst	u.uid
	bne	3f
	cmp	r1,$iexec		/ even the super-user needs one x
	bne	2f
	bit	$111,i.mode(r0)
	bne	2f
	jmp	eacces
2:
	clc
	rts	pc
3:
	cmp	u.uid,i.uid(r0)
	beq	4f
	ash	$-3,r1
	cmp	u.gid,i.gid(r0)
	beq	4f
	ash	$-3,r1
4:
	bit	r1,i.mode(r0)
	bne	2b
	jmp	eacces
7:
	cmp	(sp)+,(sp)+
	jmp	erofs

/ Is the caller the owner of the file that u.dirp names? r0 is its inode.
owner:
	clr	r0
	jsr	pc,namei
	bcs	2f
	cmp	u.uid,i.uid(r0)
	beq	1f
	jsr	pc,suser
	bcs	3f
1:
	clc
2:
	rts	pc
3:
	jsr	pc,iput
	sec
	rts	pc

/ Make a file with mode r0 in the directory u.pdir, under the name u.dbuf. r0 is its
/ inode. When the directory cannot grow there is no file.
maknode:
	jsr	r5,save
	mov	r0,r4
	mov	u.pdir,r3
	mov	i.dev(r3),r0
	jsr	pc,ialloc
	bcc	1f
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc
1:
	mov	r0,r2
	bisb	$iupd+iacc+ichg,i.flag(r2)
	bit	$ifmt,r4
	bne	2f
	bis	$ifreg,r4
2:
	bic	u.umask,r4
	mov	r4,i.mode(r2)
	mov	$1,i.nlink(r2)
	mov	u.uid,i.uid(r2)
	mov	u.gid,i.gid(r2)
	clr	i.size(r2)
	clr	i.size+2(r2)
	mov	r2,r0			/ the inode before the entry
	jsr	pc,iupdat
	mov	r2,r0
	jsr	pc,wdir
	bcs	4f
	mov	r2,r0
	clc
	rts	pc
4:
	clr	i.nlink(r2)
	mov	r2,r0
	jsr	pc,iput
	sec
	rts	pc

/ Make the entry for inode r0 in u.pdir, which is given back.
wdir:
	jsr	r5,save
	mov	i.numbe(r0),u.dent
	mov	$u.dbuf,r0
	mov	$u.dent+2,r1
	mov	$7,r2
1:
	mov	(r0)+,(r1)+
	sob	r2,1b
	mov	u.pdir,r2
	mov	r2,r0
	jsr	pc,putdent
	mov	r2,r0
	jsr	pc,iput
	tstb	u.error			/ clears C
	beq	2f
	sec
2:
	rts	pc

/ Write u.dent to u.off of directory r0.
putdent:
	mov	$u.dent,u.base
	mov	$16.,u.count
	movb	$1,u.segfl
	jsr	pc,writei
	clrb	u.segfl
	rts	pc

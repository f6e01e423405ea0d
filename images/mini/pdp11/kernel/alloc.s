/ The file systems: superblocks in memory, free blocks, free inodes, sync, mount.
/
/ A mounted file system's superblock stays in a buffer of its own. It has up to 50
/ free blocks; the first of them holds the next 50, and so on. Of free inodes it has
/ up to 100; when they run out the inodes on the disk are searched.

	.text
/ Mount the root. The time is that of its last sync, until somebody knows better.
fsinit:
	jsr	r5,save
	mov	_rootdev,r3
	mov	$_mount,r2
	jsr	pc,getsuper
	bcc	1f
	mov	$rootmsg,r0
	mov	_rootdev,r5
	jmp	panic
1:
	mov	s.time(r0),_time
	mov	s.time+2(r0),_time+2
	mov	_rootdev,r0
	mov	$rootino,r1
	jsr	pc,iget
	mov	r0,rootdir
	jsr	pc,prele
	mov	_rootdev,r0
	mov	$rootino,r1
	jsr	pc,iget
	mov	r0,u.cdir
	jmp	prele

/ Read the superblock of device r3 for the entry r2 of the mount table; r0 is its
/ address.
getsuper:
	mov	r3,r0
	mov	$1,r1
	jsr	pc,bread
	bcc	1f
	rts	pc
1:
	mov	r0,r4
	jsr	pc,geteblk
	mov	r0,r5
	mov	b.addr(r4),r0
	mov	b.addr(r5),r1
	mov	$256.,-(sp)
2:
	mov	(r0)+,(r1)+
	dec	(sp)
	bne	2b
	tst	(sp)+
	mov	r4,r0
	jsr	pc,brelse
	mov	b.addr(r5),r0
	clr	s.flock(r0)		/ and s.ilock
	clr	s.fmod(r0)		/ and s.ronly
	cmp	s.isize(r0),$2		/ a file system?
	blos	3f
	tst	s.fsize(r0)
	bne	3f
	cmp	s.isize(r0),s.fsize+2(r0)
	bhis	3f
	cmp	s.fsize+2(r0),$rkblks
	bhi	3f
	cmp	s.nfree(r0),$50.
	bhi	3f
	cmp	s.ninod(r0),$100.
	bhi	3f
	mov	r3,m.dev(r2)
	mov	r5,m.bufp(r2)
	clr	m.inodp(r2)
	clc
	rts	pc
3:
	mov	r5,r0
	jsr	pc,brelse
	jmp	einval

/ r0: the superblock of device r0.
getfs:
	mov	$_mount,r1
1:
	tst	m.bufp(r1)
	beq	2f
	cmp	m.dev(r1),r0
	beq	3f
2:
	add	$m.size,r1
	cmp	r1,$_mount+[m.size*nmount]
	blo	1b
	mov	r0,r5
	mov	$nofsmsg,r0
	jmp	panic
3:
	mov	m.bufp(r1),r0
	mov	b.addr(r0),r0
	rts	pc

/ Wait until nobody has the lock at r0 any more.
unlocked:
	mov	r2,-(sp)
	mov	r0,r2
1:
	tstb	(r2)
	beq	2f
	mov	r2,r0
	mov	$pinod,r1
	jsr	pc,sleep
	br	1b
2:
	mov	(sp)+,r2
	rts	pc

/ Is r1 a block of data in the file system with superblock r0? C set: no.
goodblk:
	cmp	r1,s.isize(r0)
	blo	1f
	cmp	s.fsize+2(r0),r1
	blos	1f
	clc
	rts	pc
1:
	sec
	rts	pc

/ r0: a buffer, full of zeros, with a free block of device r0.
alloc:
	jsr	r5,save
	mov	r0,r3
	jsr	pc,getfs
	mov	r0,r2
	add	$s.flock,r0
	jsr	pc,unlocked
	tst	s.nfree(r2)
	ble	8f
	dec	s.nfree(r2)
	mov	s.nfree(r2),r1
	ash	$2,r1
	add	r2,r1
	mov	s.free+2(r1),r4
	beq	8f
	mov	r2,r0
	mov	r4,r1
	jsr	pc,goodblk
	bcs	8f
	tst	s.nfree(r2)
	bne	3f
	incb	s.flock(r2)		/ the last: it has the next ones
	mov	r3,r0
	mov	r4,r1
	jsr	pc,bread
	bcs	1f
	mov	r0,-(sp)
	mov	b.addr(r0),r0
	mov	r2,r1
	add	$s.nfree,r1
	mov	$101.,r5
2:
	mov	(r0)+,(r1)+
	sob	r5,2b
	mov	(sp)+,r0
	jsr	pc,brelse
1:
	clrb	s.flock(r2)
	mov	r2,r0
	add	$s.flock,r0
	jsr	pc,wakeup
	tst	s.nfree(r2)
	ble	8f
3:
	movb	$1,s.fmod(r2)
	mov	r3,r0
	mov	r4,r1
	jsr	pc,getblk
	jsr	pc,clrbuf
	clc
	rts	pc
8:
	clr	s.nfree(r2)
	jmp	enospc

/ Block r1 of device r0 is free again.
free:
	jsr	r5,save
	mov	r0,r3
	mov	r1,r4
	jsr	pc,getfs
	mov	r0,r2
	movb	$1,s.fmod(r2)
	add	$s.flock,r0
	jsr	pc,unlocked
	mov	r2,r0
	mov	r4,r1
	jsr	pc,goodblk
	bcs	9f
	tst	s.nfree(r2)
	bgt	1f
	mov	$1,s.nfree(r2)		/ the first: a zero ends the list
	clr	s.free(r2)
	clr	s.free+2(r2)
1:
	cmp	s.nfree(r2),$50.
	blo	3f
	incb	s.flock(r2)		/ all full: they go into this one
	mov	r3,r0
	mov	r4,r1
	jsr	pc,getblk
	mov	r0,-(sp)
	mov	b.addr(r0),r0
	mov	r2,r1
	add	$s.nfree,r1
	mov	$101.,r5
2:
	mov	(r1)+,(r0)+
	sob	r5,2b
	clr	s.nfree(r2)
	mov	(sp)+,r0
	jsr	pc,bwrite
	clrb	s.flock(r2)
	mov	r2,r0
	add	$s.flock,r0
	jsr	pc,wakeup
3:
	mov	s.nfree(r2),r1
	inc	s.nfree(r2)
	ash	$2,r1
	add	r2,r1
	clr	s.free(r1)
	mov	r4,s.free+2(r1)
	movb	$1,s.fmod(r2)
9:
	rts	pc

/ r0: a free inode of device r0, locked.
ialloc:
	jsr	r5,save
	mov	r0,r3
	jsr	pc,getfs
	mov	r0,r2
1:
	mov	r2,r0
	add	$s.ilock,r0
	jsr	pc,unlocked
	tst	s.ninod(r2)
	ble	3f
	dec	s.ninod(r2)
	mov	s.ninod(r2),r1
	asl	r1
	add	r2,r1
	mov	s.inode(r1),r1
	mov	r3,r0
	jsr	pc,iget
	bcs	9f
	tst	i.mode(r0)
	beq	2f
	jsr	pc,iput			/ it is not free after all
	br	1b
2:
	movb	$1,s.fmod(r2)
	mov	r0,r1			/ a device had its number there
	add	$i.addr,r1
	mov	$26.,r3
4:
	clr	(r1)+
	sob	r3,4b
	clc
9:
	rts	pc

3:
	incb	s.ilock(r2)		/ search for more
	clr	r4			/ the inode before the block's first
	mov	$2,r5
4:
	cmp	r5,s.isize(r2)
	bhis	8f
	mov	r3,r0
	mov	r5,r1
	jsr	pc,bread
	bcs	7f
	mov	r0,-(sp)
	mov	b.addr(r0),r1
	mov	$8.,-(sp)
5:
	inc	r4
	tst	(r1)
	bne	6f
	cmp	s.ninod(r2),$100.
	bhis	6f
	jsr	pc,incore
	bcs	6f
	mov	s.ninod(r2),r0
	inc	s.ninod(r2)
	asl	r0
	add	r2,r0
	mov	r4,s.inode(r0)
6:
	add	$64.,r1
	dec	(sp)
	bne	5b
	tst	(sp)+
	mov	(sp)+,r0
	jsr	pc,brelse
	br	6f
7:
	add	$8.,r4
6:
	inc	r5
	cmp	s.ninod(r2),$100.
	blo	4b
8:
	clrb	s.ilock(r2)
	mov	r2,r0
	add	$s.ilock,r0
	jsr	pc,wakeup
	tst	s.ninod(r2)
	bgt	1b
	jmp	enospc

/ C set: inode r4 of device r3 is in memory, and only there is it known to be in use.
incore:
	mov	$_inode,r0
1:
	tstb	i.count(r0)
	beq	2f
	cmp	i.numbe(r0),r4
	bne	2f
	cmp	i.dev(r0),r3
	bne	2f
	sec
	rts	pc
2:
	add	$i.size0,r0
	cmp	r0,$_inode+[i.size0*ninode]
	blo	1b
	clc
	rts	pc

/ Inode r1 of device r0 is free again.
ifree:
	jsr	r5,save
	mov	r1,r2
	jsr	pc,getfs
	tstb	s.ilock(r0)
	bne	9f
	mov	s.ninod(r0),r1
	cmp	r1,$100.
	bhis	9f
	inc	s.ninod(r0)
	asl	r1
	add	r0,r1
	mov	r2,s.inode(r1)
	movb	$1,s.fmod(r0)
9:
	rts	pc

/ sync: write out superblocks, inodes and blocks that have changed.
sync:
	jsr	r5,save
	tst	_updlock
	bne	9f
	inc	_updlock
	mov	$_mount,r5
1:
	tst	m.bufp(r5)
	beq	2f
	mov	m.bufp(r5),r2
	mov	b.addr(r2),r2
	tstb	s.fmod(r2)
	beq	2f
	tst	s.flock(r2)		/ and s.ilock
	bne	2f
	tstb	s.ronly(r2)
	bne	2f
	mov	m.dev(r5),r0
	mov	$1,r1
	jsr	pc,getblk
	clrb	s.fmod(r2)
	mov	_time,s.time(r2)
	mov	_time+2,s.time+2(r2)
	mov	b.addr(r0),r1
	mov	$256.,r3
3:
	mov	(r2)+,(r1)+
	sob	r3,3b
	jsr	pc,bwrite
2:
	add	$m.size,r5
	cmp	r5,$_mount+[m.size*nmount]
	blo	1b
	mov	$_inode,r2
4:
	tstb	i.count(r2)
	beq	5f
	bitb	$ilock,i.flag(r2)
	bne	5f
	bitb	$iupd+iacc+ichg,i.flag(r2)
	beq	5f
	bisb	$ilock,i.flag(r2)
	incb	i.count(r2)
	mov	r2,r0
	jsr	pc,iupdat
	mov	r2,r0
	jsr	pc,iput
5:
	add	$i.size0,r2
	cmp	r2,$_inode+[i.size0*ninode]
	blo	4b
	clr	_updlock
	jsr	pc,bflush
9:
	clrb	u.error
	clc
	rts	pc

/ mount: the device of the first name on the directory of the second.
mount:
	jsr	pc,suser
	bcs	9f
	jsr	pc,getdev
	bcs	9f
	mov	r0,r3
	mov	u.arg+2,u.dirp
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r5
	cmpb	i.count(r5),$1		/ in use otherwise
	bne	6f
	mov	i.mode(r5),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	bne	7f
	clr	r2
	mov	$_mount,r1
1:
	tst	m.bufp(r1)
	bne	2f
	mov	r1,r2			/ a free entry
	br	3f
2:
	cmp	m.dev(r1),r3
	beq	6f
3:
	add	$m.size,r1
	cmp	r1,$_mount+[m.size*nmount]
	blo	1b
	tst	r2
	beq	6f
	mov	r5,-(sp)
	mov	r3,r0
	jsr	pc,binval
	jsr	pc,getsuper
	mov	(sp)+,r5
	bcs	8f
	tst	u.arg+4
	beq	4f
	incb	s.ronly(r0)
4:
	mov	r5,m.inodp(r2)
	bisb	$imount,i.flag(r5)
	mov	r5,r0
	jsr	pc,prele
	clc
9:
	rts	pc
6:
	jsr	pc,ebusy
	br	8f
7:
	jsr	pc,enotdir
8:
	mov	r5,r0
	jsr	pc,iput
	sec
	rts	pc

/ r0: the number of the device that the first argument names.
getdev:
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	i.mode(r0),r1
	bic	$!ifmt,r1
	mov	i.rdev(r0),-(sp)
	mov	r1,-(sp)
	jsr	pc,iput
	mov	(sp)+,r1
	mov	(sp)+,r0
	cmp	r1,$ifblk
	jne	enotblk
	cmp	r0,$7
	jhi	enxio
	clc
9:
	rts	pc

/ Forget the blocks of device r0: the pack in the drive may be another.
binval:
	mov	r2,-(sp)
	mov	$_rktab,r2
1:
	mov	b.forw(r2),r2
	cmp	r2,$_rktab
	beq	2f
	cmp	r0,b.dev(r2)
	bne	1b
	bit	$bbusy+bdelwri,b.flags(r2)
	bne	1b
	mov	$nodev,b.dev(r2)
	br	1b
2:
	mov	(sp)+,r2
	rts	pc

/ umount: the device of that name.
umount:
	jsr	pc,suser
	bcs	9f
	jsr	pc,getdev
	bcs	9f
	mov	r0,r3
	jsr	pc,sync
	mov	$_mount+m.size,r2
1:
	tst	m.bufp(r2)
	beq	2f
	cmp	m.dev(r2),r3
	beq	3f
2:
	add	$m.size,r2
	cmp	r2,$_mount+[m.size*nmount]
	blo	1b
	jmp	einval
3:
	mov	$_inode,r0		/ nothing of it may be in use
4:
	tstb	i.count(r0)
	beq	5f
	cmp	i.dev(r0),r3
	jeq	ebusy
5:
	add	$i.size0,r0
	cmp	r0,$_inode+[i.size0*ninode]
	blo	4b
	mov	m.inodp(r2),r4
	bicb	$imount,i.flag(r4)
	mov	r4,r0
	jsr	pc,plock
	mov	r4,r0
	jsr	pc,iput
	mov	m.bufp(r2),r0
	clr	m.bufp(r2)
	jsr	pc,brelse
	clc
9:
	rts	pc

	.data
rootmsg: <no root file system on device\0>
nofsmsg: <no such file system:\0>
	.even
_updlock: 0

	.bss
_mount:	.=.+[m.size*nmount]
rootdir: .=.+2

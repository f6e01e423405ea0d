/ System calls on files.

	.text
/ r2: the open file of descriptor u.arg.
getf:
	mov	u.arg,r0
	cmp	r0,$nofile
	bhis	1f
	asl	r0
	mov	u.ofile(r0),r2
	beq	1f
	clc
	rts	pc
1:
	jmp	ebadf

/ A free descriptor: r0 twice its number; ur0 its number.
ufalloc:
	clr	r0
1:
	tst	u.ofile(r0)
	beq	2f
	tst	(r0)+
	cmp	r0,$2*nofile
	blo	1b
	jmp	emfile
2:
	mov	r0,ur0
	asr	ur0
	movb	ur0,r1
	clrb	u.pofil(r1)
	clc
	rts	pc

/ A free entry of the table of open files, r2, with a descriptor for it.
falloc:
	jsr	pc,ufalloc
	bcs	2f
	mov	$_file,r2
1:
	tstb	f.count(r2)
	beq	3f
	add	$f.size,r2
	cmp	r2,$_file+[f.size*nfile]
	blo	1b
	jmp	enfile
3:
	mov	r2,u.ofile(r0)
	incb	f.count(r2)
	clr	f.off(r2)
	clr	f.off+2(r2)
	clc
2:
	rts	pc

/ Close open file r0.
closef:
	jsr	r5,save
	mov	r0,r2
	cmpb	f.count(r2),$1
	beq	1f
	decb	f.count(r2)
	rts	pc
1:
	mov	f.inode(r2),r3
	mov	r3,r0
	jsr	pc,plock
	bitb	$fpipe,f.flag(r2)
	beq	2f
	bic	$iread+iwrite,i.mode(r3)
	mov	r3,r0
	inc	r0
	jsr	pc,wakeup
	mov	r3,r0
	add	$2,r0
	jsr	pc,wakeup
2:
	mov	r3,r0
	jsr	pc,iput
	clrb	f.count(r2)
	rts	pc

read:
	mov	$fread,r5
	br	1f
write:
	mov	$fwrite,r5
1:
	jsr	pc,getf
	bcs	9f
	bitb	r5,f.flag(r2)
	jeq	ebadf
	mov	u.arg+2,u.base
	mov	u.arg+4,u.count
	bitb	$fpipe,f.flag(r2)
	beq	2f
	cmp	r5,$fread
	beq	1f
	jsr	pc,writep
	br	4f
1:
	jsr	pc,readp
	br	4f
2:
	mov	f.off(r2),u.off
	mov	f.off+2(r2),u.off+2
	mov	f.inode(r2),r3
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	beq	3f			/ whoever reads the terminal must not lock it
	mov	r3,r0
	jsr	pc,plock
3:
	mov	r0,r4
	mov	r3,r0
	cmp	r5,$fread
	beq	5f
	jsr	pc,writei
	br	6f
5:
	jsr	pc,readi
6:
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	beq	7f
	mov	r3,r0
	jsr	pc,prele
7:
	mov	u.arg+4,r0		/ what was moved
	sub	u.count,r0
	add	r0,f.off+2(r2)
	adc	f.off(r2)
4:
	tstb	u.error
	bne	8f
	mov	u.arg+4,r0
	sub	u.count,r0
	mov	r0,ur0
	clc
9:
	rts	pc
8:
	sec
	rts	pc

open:
	mov	u.arg+2,r5
	inc	r5			/ 0, 1, 2: read, write, both
	cmp	r5,$3
	jhi	einval
	tst	r5
	jeq	einval
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r3
	mov	$1,r4
	br	open1
creat:
	mov	$1,r0
	jsr	pc,namei
	bcs	9f
	mov	$fwrite,r5
	mov	r0,r3
	bne	1f
	mov	u.arg+2,r0
	bic	$!7777,r0
	jsr	pc,maknode
	bcs	9f
	mov	r0,r3
	clr	r4
	br	open2
1:
	clr	r4
open1:				/ inode r3 is there already; r4: and stays as it is
	bit	$fread,r5
	beq	1f
	mov	$iread,r1
	mov	r3,r0
	jsr	pc,permit
	bcs	8f
1:
	bit	$fwrite,r5
	beq	open2
	mov	$iwrite,r1
	mov	r3,r0
	jsr	pc,permit
	bcs	8f
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	bne	2f
	jsr	pc,eisdir
	br	8f
2:
	tst	r4
	bne	open2
	cmp	r0,$ifreg
	bne	open2
	mov	r3,r0
	jsr	pc,itrunc
open2:
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifchr
	bne	3f
	mov	r3,r4
	jsr	pc,chdev
	bcc	4f
	tst	r0
	beq	4f
	jsr	pc,enxio
	br	8f
3:
	cmp	r0,$ifblk
	bne	4f
	cmp	i.rdev(r3),$7
	blos	4f
	jsr	pc,enxio
	br	8f
4:
	jsr	pc,falloc
	bcs	8f
	movb	r5,f.flag(r2)
	mov	r3,f.inode(r2)
	mov	r3,r0
	jsr	pc,prele
	clc
9:
	rts	pc
8:
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc

close:
	jsr	pc,getf
	bcs	9f
	clr	u.ofile(r0)
	mov	r2,r0
	jsr	pc,closef
	clc
9:
	rts	pc

/ dup: the same open file under another descriptor. With 0100 in r0 that is r1.
dup:
	mov	u.arg,r3
	bic	$!77,u.arg
	jsr	pc,getf
	bcs	9f
	bit	$100,r3
	bne	1f
	jsr	pc,ufalloc
	bcs	9f
	br	3f
1:
	mov	u.arg+2,r4
	cmp	r4,$nofile
	jhis	ebadf
	mov	r4,ur0
	cmp	r4,u.arg
	beq	4f
	clrb	u.pofil(r4)
	asl	r4
	mov	u.ofile(r4),r0
	beq	2f
	clr	u.ofile(r4)
	jsr	pc,closef
2:
	mov	r4,r0
3:
	mov	r2,u.ofile(r0)
	incb	f.count(r2)
4:
	clc
9:
	rts	pc

/ lseek: from the start, the present position, or the end of the file.
lseek:
	jsr	pc,getf
	bcs	9f
	bitb	$fpipe,f.flag(r2)
	jne	espipe
	mov	u.arg+6,r0
	beq	3f
	cmp	r0,$1
	beq	1f
	mov	f.inode(r2),r1
	add	i.size+2(r1),u.arg+4
	adc	u.arg+2
	add	i.size(r1),u.arg+2
	br	3f
1:
	add	f.off+2(r2),u.arg+4
	adc	u.arg+2
	add	f.off(r2),u.arg+2
3:
	mov	u.arg+2,f.off(r2)
	mov	u.arg+4,f.off+2(r2)
	mov	u.arg+2,ur0
	mov	u.arg+4,ur1
	clc
9:
	rts	pc

link:
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r3
	cmp	i.nlink(r3),$32767.
	jeq	linkmax
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	bne	1f
	jsr	pc,suser
	bcs	8f
1:
	inc	i.nlink(r3)		/ the count before the entry
	bisb	$ichg,i.flag(r3)
	mov	r3,r0
	jsr	pc,iupdat
	mov	r3,r0			/ unlocked: it may be on the way
	jsr	pc,prele
	mov	u.arg+2,u.dirp
	mov	$1,r0
	jsr	pc,namei
	bcs	4f
	mov	r0,r2
	beq	2f
	jsr	pc,iput
	jsr	pc,eexist
	br	4f
2:
	mov	u.pdir,r0
	cmp	i.dev(r0),i.dev(r3)
	beq	3f
	jsr	pc,iput
	jsr	pc,exdev
	br	4f
3:
	mov	r3,r0
	jsr	pc,wdir
	bcs	4f
	jsr	pc,relock
	mov	r3,r0
	jsr	pc,iput
	clc
9:
	rts	pc
4:
	jsr	pc,relock
	dec	i.nlink(r3)
	bisb	$ichg,i.flag(r3)
8:
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc
linkmax:
	jsr	pc,emlink
	br	8b
relock:
	mov	r3,r0
	jmp	plock

unlink:
	mov	$2,r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r2			/ r2: the directory, r3: the file
	cmp	u.dent,i.numbe(r2)
	bne	1f
	mov	r2,r3			/ "."
	incb	i.count(r3)
	br	2f
1:
	mov	i.dev(r2),r0
	mov	u.dent,r1
	jsr	pc,iget
	mov	r0,r3
	bcs	8f
2:
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	bne	3f
	jsr	pc,suser
	bcs	7f
3:
	cmp	i.dev(r2),i.dev(r3)	/ somebody's root
	beq	4f
	jsr	pc,ebusy
	br	7f
4:
	clr	u.dent
	mov	r2,r0
	jsr	pc,putdent
	tstb	u.error
	bne	7f
	dec	i.nlink(r3)
	bisb	$ichg,i.flag(r3)
7:
	mov	r2,r0
	jsr	pc,iput
	mov	r3,r0
	jsr	pc,iput
	tstb	u.error			/ clears C
	beq	9f
	sec
9:
	rts	pc
8:
	mov	r2,r0
	jsr	pc,iput
	sec
	rts	pc

chdir:
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r3
	mov	i.mode(r3),r0
	bic	$!ifmt,r0
	cmp	r0,$ifdir
	beq	1f
	jsr	pc,enotdir
	br	2f
1:
	mov	$iexec,r1
	mov	r3,r0
	jsr	pc,permit
	bcs	2f
	mov	r3,r0
	jsr	pc,prele
	mov	u.cdir,r2
	mov	r3,u.cdir
	mov	r2,r0
	jsr	pc,plock
	mov	r2,r0
	jsr	pc,iput
	clc
9:
	rts	pc
2:
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc

/ mknod: a device, or a directory as mkdir wants it: empty.
mknod:
	jsr	pc,suser
	bcs	9f
	mov	$1,r0
	jsr	pc,namei
	bcs	9f
	tst	r0
	bne	1f
	mov	u.arg+2,r0
	jsr	pc,maknode
	bcs	9f
	mov	u.arg+4,i.rdev(r0)
	jsr	pc,iput
	clc
9:
	rts	pc
1:
	jsr	pc,iput
	jmp	eexist

chmod:
	jsr	pc,owner
	bcs	9f
	bic	$7777,i.mode(r0)
	mov	u.arg+2,r1
	bic	$!7777,r1
	bis	r1,i.mode(r0)
	br	changed
chown:
	jsr	pc,suser
	bcs	9f
	jsr	pc,owner
	bcs	9f
	mov	u.arg+2,i.uid(r0)
	mov	u.arg+4,i.gid(r0)
changed:
	bisb	$ichg,i.flag(r0)
	jsr	pc,iput
	clc
9:
	rts	pc

/ utime: the times of access and change, which go to the disk at once.
utime:
	jsr	pc,owner
	bcs	9f
	mov	r0,r3
	mov	u.arg+2,r0
	mov	$u.arg,r1
	mov	$8.,r2
	jsr	pc,copyin
	bcs	8f
	bisb	$ichg+iacc+iupd,i.flag(r3)
	mov	r3,r0
	jsr	pc,iupdat
	mov	r3,r2
	jsr	pc,itod
	jsr	pc,bread
	bcs	8f
	mov	r0,r5
	jsr	pc,inblock
	add	$52.,r0
	mov	$u.arg,r1
	mov	(r1)+,(r0)+
	mov	(r1)+,(r0)+
	mov	(r1)+,(r0)+
	mov	(r1)+,(r0)+
	mov	r5,r0
	jsr	pc,bdwrite
	mov	r3,r0
	jsr	pc,iput
	clc
9:
	rts	pc
8:
	mov	r3,r0
	jsr	pc,iput
	sec
	rts	pc

access:
	mov	u.uid,-(sp)
	mov	u.gid,-(sp)
	mov	u.ruid,u.uid
	mov	u.rgid,u.gid
	clr	r0
	jsr	pc,namei
	bcs	8f
	mov	r0,r3
	mov	u.arg+2,r4
	mov	$iread,r5
1:
	bit	$4,r4
	beq	2f
	mov	r5,r1
	mov	r3,r0
	jsr	pc,permit
	bcs	3f
2:
	asl	r4
	asr	r5
	cmp	r5,$iexec
	bhis	1b
3:
	mov	r3,r0
	jsr	pc,iput
8:
	mov	(sp)+,u.gid
	mov	(sp)+,u.uid
	tstb	u.error			/ clears C
	beq	9f
	sec
9:
	rts	pc

stat:
	clr	r0
	jsr	pc,namei
	bcs	9f
	mov	r0,r2
	mov	u.arg+2,r4
	jsr	pc,stat1
	mov	r2,r0
	jsr	pc,iput
stated:
	tstb	u.error			/ clears C
	beq	9f
	sec
9:
	rts	pc
fstat:
	jsr	pc,getf
	bcs	9b
	mov	f.inode(r2),r2
	mov	u.arg+2,r4
	mov	r2,r0
	jsr	pc,plock
	jsr	pc,stat1
	mov	r2,r0
	jsr	pc,prele
	br	stated

/ Inode r2 goes to r4: device, number, mode, links, user, group, device of a device
/ (words), size and three times (long).
stat1:
	mov	r2,r0
	jsr	pc,iupdat		/ the times are only in the block
	jsr	pc,itod
	jsr	pc,bread
	bcs	9f
	mov	r0,r5
	mov	r2,r0			/ no sleep from here on: stbuf is everybody's
	add	$i.dev,r0
	mov	$stbuf,r1
	mov	$6,r3
1:
	mov	(r0)+,(r1)+
	sob	r3,1b
	mov	i.rdev(r2),(r1)+
	mov	i.size(r2),(r1)+
	mov	i.size+2(r2),(r1)+
	mov	r1,r3
	mov	r5,r0
	jsr	pc,inblock
	add	$52.,r0
	mov	r3,r1
	mov	$6,r3
2:
	mov	(r0)+,(r1)+
	sob	r3,2b
	mov	r5,r0
	jsr	pc,brelse
	mov	$stbuf,r0
	mov	r4,r1
	mov	r2,r3
	mov	$30.,r2
	jsr	pc,copyout
	mov	r3,r2
9:
	rts	pc

	.bss
_file:	.=.+[f.size*nfile]
stbuf:	.=.+30.
	.text

/ Second stage of the RK05 bootstrap: the file /rkboot. Block 0 reads it to
/ `load' and jumps there with the drive number in r0, memory management off.
/
/ It asks for the name of a program, waits two seconds for a key, and then starts
/ /unix or what was typed. Programs are V7 a.out files:
/   0407	at 0, data behind the text
/   0410	at 0, data at the next multiple of 8192
/   0411	a kernel with separate spaces: data at physical 0, text behind the
/		bss at the next multiple of 64, both mapped, memory management on
/ The first two start at their entry point with memory management off, the drive
/ number in r0, the controller's address in r1 and the stack at `top'.
/
/ The loader must not lie where programs go, and a kernel is larger than
/ 56K bytes. So it moves to the last 8192 bytes of memory below 248K and runs there
/ as page 6 of kernel space; page 5 is its window to where programs go, page 0 is
/ physical 0, for the vectors. The disk controller reaches all of it with its own
/ two extended address bits: as long as the Unibus map of an 11/70 is off, a bus
/ address is a physical address.

load	= 10000		/ where block 0 puts this
base	= 140000	/ where it runs: page 6
window	= 120000	/ page 5
stack	= base+17700
top	= 157740	/ programs that start unmapped must end below

psw	= 177776
mmr0	= 177572
mmr3	= 172516
kisd0	= 172300
kdsd0	= 172320
kisa0	= 172340
kisa5	= 172352
kisa6	= 172354
kdsa0	= 172360
uisd0	= 177600
udsd0	= 177620
uisa6	= 177654
udsa6	= 177674
rw8k	= 77406		/ a page descriptor: 8192 bytes, read and write
io	= 177600	/ a page address: the I/O page
ubmap	= 170200
lks	= 177546
rcsr	= 177560
rbuf	= 177562
xcsr	= 177564
xbuf	= 177566
rkcs	= 177404
rkda	= 177412

blocks	= 4872.		/ on an RK05
patience = 120.		/ clock ticks: 2 seconds at 60 Hz

.. = base

/ At first this runs at `load': all addresses must be relative to pc.
start:
	br	1f
	72153		/ block 0 looks for this
1:
	mov	$340,*$psw
	mov	$load,sp
	bic	$!7,r0
	mov	r0,unit
	ash	$13.,r0
	mov	r0,drive

/ Pages 0-6 physical, page 7 the I/O page.
	clr	*$mmr0
	clr	*$mmr3
	mov	$kisa0,r1
	mov	$kisd0,r2
	clr	r3
1:
	mov	r3,(r1)+
	mov	$rw8k,(r2)+
	add	$200,r3
	cmp	r3,$2000
	blo	1b
	mov	$io,-(r1)
	mov	$nxm-base+load,*$4
	mov	$340,*$6
	mov	$1,*$mmr0

/ Find the last page of memory; it becomes page 6.
	mov	$1400,r4
1:
	add	$200,r4
	cmp	r4,$io&7777
	bhis	2f
	mov	r4,*$kisa6
	tst	*$base+17776
	bcc	1b
2:
	sub	$200,r4
	mov	r4,*$kisa6
	mov	r4,page
	mov	$load,r0
	mov	$base,r1
1:
	mov	(r0)+,(r1)+
	cmp	r1,$end
	blo	1b
	jmp	*$moved

/ Bus error: the instruction after the one that failed finds C set. A tst or clr
/ that succeeds clears it.
nxm:
	bis	$1,2(sp)
	rti

/ The clock: its line is the only thing that ends a wait when nobody types.
tick:
	inc	ticks
	mov	$100,*$lks
wake:
	rti

moved:
	mov	$stack,sp
	mov	page,r1		/ the bus address of page 6
	clr	r0
	ashc	$6,r0
	mov	r1,buslow
	ash	$4,r0
	bis	$5,r0		/ read, go
	mov	r0,rkread
	mov	$nxm,*$4
	clr	clock
	clr	*$lks
	bcs	1f
	inc	clock
1:
	clr	is70
	tst	*$ubmap
	bcs	1f
	inc	is70
1:
	mov	$1,timing	/ only the first time
	jsr	pc,crlf

/ Ask. A load that failed half-way has changed the vectors, so they are set anew.
again:
	mov	$nxm,*$4
	mov	$340,*$6
	mov	$wake,*$60
	mov	$340,*$62
	mov	$tick,*$100
	mov	$340,*$102
	mov	$prompt,r0
	jsr	pc,puts
	mov	$line,r5	/ r5: where the next character goes
	clr	ticks
	clr	r4		/ without a clock: turns of the loop below
	mov	$100,*$rcsr
	tst	clock
	beq	1f
	mov	$100,*$lks
1:
	clr	*$psw
key:
	tstb	*$rcsr
	bmi	typed
	tst	timing
	beq	2f
	tst	clock
	beq	1f
	cmp	ticks,$patience
	bhis	unix
	wait
	br	key
1:
	mov	$20.,r0
	sob	r0,.
	inc	r4
	bne	key
	br	unix
2:
	tst	clock
	beq	key
	wait
	br	key

typed:
	clr	timing
	mov	*$rbuf,r0
	bic	$!177,r0
	cmp	r0,$'\r
	beq	entered
	cmp	r0,$'\n
	beq	entered
	cmp	r0,$'#
	beq	erase
	cmp	r0,$10
	beq	erase
	cmp	r0,$177
	beq	erase
	cmp	r0,$'@
	beq	kill
	cmp	r0,$25		/ ^U
	beq	kill
	cmp	r0,$40
	blo	key
	cmp	r5,$line+63.
	bhis	key
	movb	r0,(r5)+
	jsr	pc,putc
	br	key
erase:
	cmp	r5,$line
	beq	key
	dec	r5
	cmp	r0,$'#
	beq	1f
	mov	$rubout,r0
	jsr	pc,puts
	br	key
1:
	jsr	pc,putc
	br	key
kill:
	jsr	pc,quiet
	jsr	pc,crlf
	br	again

entered:
	clrb	(r5)
	cmp	r5,$line
	bne	1f
unix:
	mov	$default,r0
	mov	$line,r5
2:
	movb	(r0)+,(r5)+
	bne	2b
	mov	$line,r0
	jsr	pc,puts
1:
	jsr	pc,quiet
	jsr	pc,crlf
	clr	cache1
	clr	cache2
	jsr	pc,namei
	jmp	exec

/ No more interrupts.
quiet:
	mov	$340,*$psw
	clr	*$rcsr
	tst	clock
	beq	1f
	clr	*$lks
1:
	rts	pc

/ Something is wrong with the file `line'; r0 says what.
fail:
	mov	$stack,sp
	mov	r0,-(sp)
	mov	$line,r0
	jsr	pc,puts
	mov	$colon,r0
	jsr	pc,puts
	mov	(sp)+,r0
	jsr	pc,puts
	jsr	pc,crlf
	jmp	again

missing:
	mov	$notfound,r0
	br	fail
noexec:
	mov	$notexec,r0
	br	fail
large:
	mov	$toolarge,r0
	br	fail

/ Console output. puts prints the string at r0, putc the character r0.
crlf:
	mov	$newline,r0
puts:
	mov	r0,-(sp)
1:
	movb	*(sp),r0
	beq	2f
	jsr	pc,putc
	inc	(sp)
	br	1b
2:
	tst	(sp)+
	rts	pc
putc:
	tstb	*$xcsr
	bpl	putc
	movb	r0,*$xbuf
1:
	tstb	*$xcsr
	bpl	1b
	rts	pc

/ Find the file `line': its inode goes to `inode'. Names start at the root.
namei:
	mov	$line,r5
	mov	$2,r0
component:
	jsr	pc,iget
1:
	cmpb	(r5),$'/
	bne	2f
	inc	r5
	br	1b
2:
	tstb	(r5)
	beq	9f
	mov	inode,r0
	bic	$!170000,r0
	cmp	r0,$40000	/ a directory
	bne	missing
	mov	$name,r1	/ name: the component, 14 bytes
3:
	tstb	(r5)
	beq	5f
	cmpb	(r5),$'/
	beq	5f
	cmp	r1,$name+14.
	bhis	4f
	movb	(r5)+,(r1)+
	br	3b
4:
	inc	r5
	br	3b
5:
	cmp	r1,$name+14.
	bhis	6f
	clrb	(r1)+
	br	5b
6:
	jsr	pc,rewind
	mov	inode+12,r1	/ low word of the size
	ash	$-4,r1
	bic	$!7777,r1	/ entries
	tst	inode+10
	bne	missing		/ no directory is so large
7:
	dec	r1
	bmi	missing
	jsr	pc,getw
	mov	r0,-(sp)	/ inode number
	mov	$name,r2
8:
	jsr	pc,getw
	cmp	r0,(r2)+
	beq	1f
	clr	(sp)		/ not this one
1:
	cmp	r2,$name+14.
	blo	8b
	mov	(sp)+,r0
	beq	7b
	br	component
9:
	rts	pc

/ Read inode r0 to `inode'.
iget:
	add	$15.,r0		/ inode 1 is the first of block 2, 8 in a block
	mov	r0,r1
	bic	$!7,r1
	ash	$6,r1
	ash	$-3,r0
	bic	$!17777,r0
	mov	$block,r4
	add	r4,r1
	jsr	pc,read
	mov	$inode,r2
1:
	mov	(r1)+,(r2)+
	cmp	r2,$inode+64.
	blo	1b
	rts	pc

/ Words of the file, one by one.
rewind:
	clr	lbn
	mov	$block+512.,bufp
	rts	pc

getw:
	mov	r1,-(sp)
	mov	bufp,r1
	cmp	r1,$block+512.
	blo	1f
	mov	r2,-(sp)
	mov	r3,-(sp)
	mov	r4,-(sp)
	mov	lbn,r0
	inc	lbn
	mov	$block,r4
	jsr	pc,bmap
	jsr	pc,read
	mov	(sp)+,r4
	mov	(sp)+,r3
	mov	(sp)+,r2
	mov	$block,r1
1:
	mov	(r1)+,r0
	mov	r1,bufp
	mov	(sp)+,r1
	rts	pc

/ Logical block r0 of the file becomes its block on the disk. Changes r1-r3.
bmap:
	cmp	r0,$10.
	bhis	1f
	jmp	addr
1:
	sub	$10.,r0
	cmp	r0,$128.
	bhis	1f
	mov	r0,-(sp)
	mov	$10.,r0
	jsr	pc,addr
	mov	(sp)+,r1
	mov	$cache1,r2
	br	indirect
1:
	sub	$128.,r0
	cmp	r0,$128.*128.
	blo	1f
	jmp	large
1:
	mov	r0,-(sp)
	mov	$11.,r0
	jsr	pc,addr
	mov	(sp),r1
	ash	$-7,r1
	mov	$cache1,r2
	jsr	pc,indirect
	mov	(sp)+,r1
	bic	$!177,r1
	mov	$cache2,r2

/ r0 becomes entry r1 of indirect block r0, which is read to the cache at r2:
/ the number of the block in it, then the block. Entries are long, high word first.
indirect:
	tst	r0
	beq	2f
	mov	r1,-(sp)
	cmp	r0,(r2)
	beq	1f
	mov	r4,-(sp)
	mov	r2,-(sp)
	mov	r2,r4
	tst	(r4)+
	clr	(r2)
	jsr	pc,read
	mov	(sp)+,r2
	mov	r0,(r2)
	mov	(sp)+,r4
1:
	mov	(sp)+,r1
	ash	$2,r1
	add	r2,r1
	tst	2(r1)
	bne	badblock
	mov	4(r1),r0
2:
	rts	pc

/ r0 becomes block address r0 of the inode: three bytes, high, low, middle.
addr:
	mov	r0,r1
	asl	r1
	add	r0,r1
	add	$inode+12.,r1
	tstb	(r1)+
	bne	badblock
	clr	r0
	bisb	(r1)+,r0
	clr	r2
	bisb	(r1)+,r2
	swab	r2
	bis	r2,r0
	rts	pc

/ Read block r0 to r4, which is in page 6; block 0 stands for a hole. Changes r2
/ and r3.
read:
	tst	r0
	beq	hole
	cmp	r0,$blocks
	bhis	badblock
	mov	$10.,tries
1:
	mov	r0,r3
	clr	r2
	div	$12.,r2		/ track and sector
	ash	$4,r2
	bis	r3,r2
	bis	drive,r2
	mov	$rkda+2,r3
	mov	r2,-(r3)
	mov	r4,r2
	bic	$!17777,r2
	add	buslow,r2
	mov	r2,-(r3)
	mov	$-256.,-(r3)
	mov	rkread,-(r3)
	jsr	pc,ready
	bpl	2f
	mov	$1,(r3)		/ reset the controller and try again
	jsr	pc,ready
	dec	tries
	bne	1b
	mov	$diskerr,r0
	jmp	fail
2:
	rts	pc
ready:
	tstb	(r3)
	bpl	ready
	tst	(r3)
	rts	pc
hole:
	mov	r4,r2
	mov	$256.,r3
1:
	clr	(r2)+
	sob	r3,1b
	rts	pc
badblock:
	mov	$badaddr,r0
	jmp	fail

/ Load the file and start it.
exec:
	mov	inode,r0
	bic	$!170000,r0
	cmp	r0,$100000	/ a plain file
	beq	1f
2:
	jmp	noexec
1:
	jsr	pc,rewind
	mov	$header,r1
1:
	jsr	pc,getw
	mov	r0,(r1)+
	cmp	r1,$header+16.
	blo	1b
	mov	$text,r1	/ even sizes
1:
	inc	(r1)
	bic	$1,(r1)+
	cmp	r1,$bss
	blos	1b
	clr	r0		/ r0,,r1: bytes that the file must have
	mov	$16.,r1
	add	text,r1
	adc	r0
	add	data,r1
	adc	r0
	cmp	inode+10,r0
	blo	2b
	bhi	1f
	cmp	inode+12,r1
	blo	2b
1:
	cmp	magic,$411
	beq	split
	cmp	magic,$407
	beq	1f
	cmp	magic,$410
	bne	2b

/ 0410: r3 is the address of the data.
	mov	text,r3
	add	$17777,r3
	bcs	toobig
	bic	$17777,r3
	br	3f
1:
	mov	text,r3
3:
	mov	r3,r0
	add	data,r0
	bcs	toobig
	add	bss,r0
	bcs	toobig
	cmp	r0,$top
	bhi	toobig
	mov	page,r1		/ small memories: stay below the loader
	cmp	r1,$1600
	bhis	1f
	ash	$6,r1
	cmp	r0,r1
	bhi	toobig
1:
	clr	r0
	jsr	pc,seek
	mov	text,r1
	jsr	pc,copy
	cmp	magic,$407
	beq	1f
	mov	r3,r0
	ash	$-6,r0
	bic	$!1777,r0
	jsr	pc,seek
1:
	mov	data,r1
	jsr	pc,copy
	mov	bss,r1
	jsr	pc,zero

/ The instruction that turns memory management off is the last one fetched from
/ page 6. The next one comes from the same address in physical memory: a jump to
/ the program, put there first.
	mov	$1400,r0
	jsr	pc,seek
	mov	$137,*$window+17760
	mov	entry,*$window+17762
	mov	$5037,*$base+17754	/ clr *$mmr0
	mov	$mmr0,*$base+17756
	mov	unit,r0
	mov	$rkcs,r1
	mov	$top,sp
	jmp	*$base+17754

toobig:
	jmp	large

/ 0411. Text goes to r5, in units of 64 bytes.
split:
	mov	data,r0
	add	bss,r0
	bcs	toobig
	cmp	r0,$140000	/ page 6 is for the kernel's user area
	bhi	toobig
	cmp	text,$160000
	bhi	toobig
	jsr	pc,units
	mov	r0,r5
	mov	text,r0
	jsr	pc,units
	add	r5,r0
	cmp	r0,page
	bhi	toobig
	mov	r5,r0
	jsr	pc,seek
	mov	text,r1
	jsr	pc,copy
	clr	r0
	jsr	pc,seek
	mov	data,r1
	jsr	pc,copy
	mov	bss,r1
	jsr	pc,zero

/ Kernel space is remapped as a whole, this page with it. So that is done in user
/ mode, where this is page 6 too; the trap that returns to kernel mode is also the
/ kernel's entry: its vector 034 holds the start address. It pushes two words at
/ 0140000, which are physical 0 and 2 then; the kernel sets these itself.
	mov	$uisd0,r0
	mov	$16.,r1
1:
	mov	$rw8k,(r0)+	/ uisd0-7, udsd0-7
	sob	r1,1b
	mov	page,*$uisa6
	mov	$io,*$uisa6+2
	mov	page,*$udsa6
	mov	$io,*$udsa6+2
	mov	$base+4,sp
	mov	$140340,-(sp)
	mov	$user,-(sp)
	rtt
user:
	mov	$kisa0,r0
	mov	$kdsa0,r1
	mov	$kisd0,r2
	mov	$kdsd0,r3
	clr	r4
1:
	mov	r5,(r0)+
	mov	r4,(r1)+
	mov	$rw8k,(r2)+
	mov	$rw8k,(r3)+
	add	$200,r5
	add	$200,r4
	cmp	r4,$2000
	blo	1b
	mov	$io,-(r0)
	mov	$io,-(r1)
	clr	-(r1)		/ page 6 of data
	mov	$5,r0		/ separate spaces for kernel and user
	tst	is70
	beq	2f
	mov	$ubmap,r0	/ the Unibus map: each address itself
	mov	$31.,r1
	clr	r2
	clr	r3
1:
	mov	r2,(r0)+
	mov	r3,(r0)+
	add	$20000,r2
	adc	r3
	sob	r1,1b
	mov	$65,r0		/ and 22-bit addresses, and the map
2:
	mov	r0,*$mmr3
	sys	0

/ r0 bytes are how many units of 64.
units:
	mov	r0,r1
	clr	r0
	add	$63.,r1
	adc	r0
	ashc	$-6,r0
	mov	r1,r0
	rts	pc

/ Point the window to physical address r0, in units of 64 bytes; r2 is the
/ address in it.
seek:
	mov	r0,*$kisa5
	mov	$window,r2
	rts	pc

/ Copy r1 bytes from the file to the window.
copy:
	asr	r1
	bic	$100000,r1
	beq	2f
1:
	jsr	pc,getw
	mov	r0,(r2)+
	jsr	pc,slide
	sob	r1,1b
2:
	rts	pc

/ Clear r1 bytes at the window.
zero:
	asr	r1
	bic	$100000,r1
	beq	2f
1:
	clr	(r2)+
	jsr	pc,slide
	sob	r1,1b
2:
	rts	pc

/ Move the window on when r2 has reached its end.
slide:
	cmp	r2,$window+20000
	blo	1f
	mov	$window,r2
	add	$200,*$kisa5
1:
	rts	pc

unit:	0		/ drive number
drive:	0		/ in bits 15-13, as in RKDA
page:	0		/ where page 6 is, in units of 64 bytes
prompt:	<boot: \0>
default: <unix\0>
rubout:	.byte	10,40,10,0
newline: <\r\n\0>
colon:	<: \0>
notfound: <not found\0>
notexec: <not executable\0>
toolarge: <too large\0>
diskerr: <disk error\0>
badaddr: <bad block number\0>
	.even
end:

	.bss
clock:	.=.+2		/ there is a line clock
is70:	.=.+2		/ there is a Unibus map
timing:	.=.+2		/ /unix is started when nobody types
ticks:	.=.+2
buslow:	.=.+2		/ low 16 bits of the bus address of page 6
rkread:	.=.+2		/ the read command with the other two
tries:	.=.+2
lbn:	.=.+2		/ next block of the file
bufp:	.=.+2		/ next word in `block'
header:
magic:	.=.+2
text:	.=.+2
data:	.=.+2
bss:	.=.+2
syms:	.=.+2
entry:	.=.+2
	.=.+4
inode:	.=.+64.
name:	.=.+14.
line:	.=.+64.
block:	.=.+512.
cache1:	.=.+514.
cache2:	.=.+514.

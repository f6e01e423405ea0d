/ What all parts of the kernel share: the processor's registers, the tables' sizes,
/ and the layouts of structures. Offsets are V7's (its headers in sys/h), so that
/ what looks at a V7 kernel from outside sees this one too.

/ How many of each there are.
nbuf	= 24.
ninode	= 80.
nfile	= 100.
nproc	= 48.
nmount	= 4.
nofile	= 20.		/ open files of a process
narea	= nproc+8.	/ areas of memory in use

/ Processor and memory management.
psw	= 177776
mmr0	= 177572
mmr1	= 177574
mmr2	= 177576
mmr3	= 172516
kdsa4	= 172370
kdsa5	= 172372
kdsa6	= 172374
uisd0	= 177600
udsd0	= 177620
uisa0	= 177640
udsa0	= 177660
userps	= 170000	/ a program's: user mode, and user before
umode	= 140000	/ both bits are set in user mode

/ Devices.
lks	= 177546	/ the line clock
rcsr	= 177560	/ the console
rbuf	= 177562
xcsr	= 177564
xbuf	= 177566
rkcs	= 177404	/ the RK11
rkwc	= 177406
rkba	= 177410
rkda	= 177412
rkblks	= 4872.

/ Kernel data space: pages 0-3 hold data, 4 and 5 are windows to any physical
/ memory, 6 is the running process's user area, 7 the I/O page.
window4	= 100000
window5	= 120000
u	= 140000

/ The user area: what only its own process needs, with its kernel stack behind it.
usize	= 16.		/ clicks
ustack	= u+2000	/ where the kernel stack starts
u.rsav	= u		/ the kernel's sp while others run
u.segfl	= u+66.		/ byte: i/o is to kernel memory
u.error	= u+67.		/ byte
u.uid	= u+68.
u.gid	= u+70.
u.ruid	= u+72.
u.rgid	= u+74.
u.procp	= u+76.		/ its process
u.ap	= u+78.		/ at its arguments
u.base	= u+84.		/ i/o: where in memory
u.count	= u+86.		/ bytes left
u.off	= u+88.		/ long: where in the file
u.cdir	= u+92.		/ current directory
u.dbuf	= u+96.		/ 14 bytes: the last component of a path
u.dirp	= u+110.	/ the path, in the program's memory
u.dent	= u+112.	/ the directory entry found: number, 14 bytes
u.pdir	= u+128.	/ the directory where an entry is to be made
u.uisa	= u+130.	/ 16 words: page addresses, from the start of the image
u.uisd	= u+162.	/ 16 words: page descriptors
u.ofile	= u+194.	/ open files
u.pofil	= u+234.	/ a byte for each: 1, close it in exec
u.arg	= u+254.	/ arguments of the system call
u.tsize	= u+264.	/ clicks of text, data and stack
u.dsize	= u+266.
u.ssize	= u+268.
u.sep	= u+270.	/ separate I and D space
u.signa	= u+294.	/ 17 words: what to do on each signal
u.utime	= u+328.	/ longs: ticks in user and kernel mode, and the children's
u.stime	= u+332.
u.cutim	= u+336.
u.cstim	= u+340.
u.ar0	= u+344.	/ at the program's r0
u.comm	= u+376.	/ 14 bytes: the program's name
u.umask	= u+392.

/ The program's registers, saved on the kernel stack by `enter': since a kernel
/ stack is empty while its program runs, they are always here.
ups	= ustack-2
upc	= ustack-4
ur0	= ustack-6
ur1	= ustack-10
ur2	= ustack-12
ur3	= ustack-14
ur4	= ustack-16
ur5	= ustack-20
usp	= ustack-22

/ proc
p.size0	= 28.		/ of an entry
p.stat	= 0.		/ bytes
p.flag	= 1.
p.pri	= 2.
p.sig	= 6.		/ signals that have come: bit n-1 for signal n
p.uid	= 8.
p.pgrp	= 10.
p.pid	= 12.
p.ppid	= 14.
p.addr	= 16.		/ its image: click and clicks
p.size	= 18.
p.wchan	= 20.		/ what it sleeps on
p.textp	= 22.
p.xstat	= 24.		/ of a zombie: the status for wait
p.clkti	= 26.		/ seconds until SIGALRM
ssleep	= 1		/ p.stat
srun	= 3
szomb	= 5
sload	= 1		/ p.flag
ssys	= 2

/ Priorities to sleep at; no signal disturbs those below pzero.
pswp	= 0.
pinod	= 10.
pribio	= 20.
pzero	= 25.
ppipe	= 26.
ttipri	= 28.
ttopri	= 29.
pwait	= 30.
pslep	= 40.
puser	= 50.

/ buf
b.size	= 24.
b.flags	= 0.
b.forw	= 2.		/ the list of the device's buffers
b.back	= 4.
av.forw	= 6.		/ the list of free ones, or the driver's queue
av.back	= 8.
b.dev	= 10.
b.activ	= 10.		/ of a device's head: it is at work
b.errcn	= 12.		/ and how often it has tried
b.addr	= 14.
b.blkno	= 16.		/ long
b.low	= 18.
b.xmem	= 20.
b.error	= 21.
bread.	= 1		/ b.flags
bdone	= 2
berror	= 4
bbusy	= 10
bwanted	= 100
bage	= 200
basync	= 400
bdelwri	= 1000
nodev	= 177777

/ inode
i.size0	= 74.
i.flag	= 0.		/ bytes
i.count	= 1.
i.dev	= 2.
i.numbe	= 4.
i.mode	= 6.
i.nlink	= 8.
i.uid	= 10.
i.gid	= 12.
i.size	= 14.		/ long
i.addr	= 18.		/ 13 longs
i.rdev	= 20.		/ of a device: the low word of the first
ilock	= 1		/ i.flag
iupd	= 2
iacc	= 4
imount	= 10
iwant	= 20
ichg	= 100
ifmt	= 170000	/ i.mode
ifdir	= 040000
ifchr	= 020000
ifblk	= 060000
ifreg	= 100000
iread	= 400
iwrite	= 200
iexec	= 100
rootino	= 2

/ superblock
s.isize	= 0.
s.fsize	= 2.		/ long
s.nfree	= 6.
s.free	= 8.		/ 50 longs
s.ninod	= 208.
s.inode	= 210.		/ 100 words
s.flock	= 410.		/ bytes
s.ilock	= 411.
s.fmod	= 412.
s.ronly	= 413.
s.time	= 414.

/ mount
m.size	= 6.
m.dev	= 0.
m.bufp	= 2.
m.inodp	= 4.

/ file
f.size	= 8.
f.flag	= 0.		/ bytes
f.count	= 1.
f.inode	= 2.
f.off	= 4.		/ long
fread	= 1
fwrite	= 2
fpipe	= 4

/ Signals.
sigint	= 2.
sigquit	= 3.
sigill	= 4.
sigtrap	= 5.
sigiot	= 6.
sigemt	= 7.
sigfpe	= 8.
sigkill	= 9.
sigbus	= 10.
sigsegv	= 11.
sigpipe	= 13.
sigalrm	= 14.
nsig	= 17.

/*
 * makedir [-n] dir: make a directory and remove it again, for ever.
 *
 * A directory is made, and removed, by several system calls. This program tells
 * the emulator that they belong together, so that after a power cut there is a
 * whole directory or none. Two words in the I/O page do that, which /dev/kmem has
 * at 0164000: the first takes a process number, the second a command. They are
 * written at once, so that no other process comes between. With -n it does without.
 */
#define REGS	0164000L
#define BEGIN	1
#define END	2

int	kmem;
char	dot[100], dotdot[100];

bracket(command)
{
	int regs[2];

	if(kmem < 0)
		return;
	regs[0] = getpid();
	regs[1] = command;
	lseek(kmem, REGS, 0);
	write(kmem, (char *)regs, sizeof(regs));
}

/*
 * Something that takes time.
 */
dawdle()
{
	register unsigned n;

	for(n = 0; n < 10000; n++)
		;
}

main(argc, argv)
char **argv;
{
	register char *d;

	kmem = open("/dev/kmem", 1);
	if(argc > 2) {
		close(kmem);
		kmem = -1;
	}
	d = argv[argc-1];
	sprintf(dot, "%s/.", d);
	sprintf(dotdot, "%s/..", d);
	for(;;) {
		bracket(BEGIN);
		mknod(d, 040777, 0);
		dawdle();
		link(d, dot);
		dawdle();
		link("/tmp", dotdot);
		bracket(END);
		dawdle();
		bracket(BEGIN);
		unlink(dotdot);
		dawdle();
		unlink(dot);
		dawdle();
		unlink(d);
		bracket(END);
		dawdle();
	}
}

/* What signals do: argv[1] says which. */
#include <signal.h>
#include <setjmp.h>
extern int errno;
int caught, order;
jmp_buf env;

hit(n)
{
	caught = n;
	order = order*10 + n%10;
}

jump(n)
{
	longjmp(env, n);
}

main(argc, argv)
char **argv;
{
	int i, pid, st;
	int *p;
	char buf[2];
	int fd[2];

	if (argc < 2) {
		/* a handler runs once; then the signal has its old effect */
		signal(SIGALRM, hit);
		alarm(1);
		i = pause();
		printf("%d %d %d\n", i, errno, caught);
		/* a system call is interrupted */
		pipe(fd);
		signal(SIGALRM, hit);
		alarm(1);
		i = read(fd[0], buf, 1);
		printf("%d %d\n", i, errno);
		/* ignored signals stay ignored in children */
		signal(SIGTERM, SIG_IGN);
		if ((pid = fork()) == 0) {
			kill(getpid(), SIGTERM);
			exit(3);
		}
		wait(&st);
		printf("%o\n", st);
		/* caught ones are caught there */
		signal(SIGTERM, hit);
		if ((pid = fork()) == 0) {
			kill(getpid(), SIGTERM);
			exit(caught);
		}
		wait(&st);
		printf("%o\n", st);
		if ((pid = fork()) == 0)
			for (;;)
				pause();
		kill(pid, SIGKILL);
		i = wait(&st);
		printf("%d %o\n", i == pid, st);
		/* out of a handler */
		if ((i = setjmp(env)) == 0) {
			signal(SIGILL, jump);
			illegal();
		}
		printf("jump %d\n", i);
		/* writing to a pipe that nobody reads */
		signal(SIGPIPE, hit);
		close(fd[0]);
		i = write(fd[1], "x", 1);
		printf("%d %d %d\n", i, errno, caught);
		i = kill(30000, 0);
		printf("%d %d\n", i, errno);
		i = badsys();
		printf("%d %d\n", i, errno);
		exit(0);
	}
	switch (argv[1][0]) {
	case 'b':	/* an odd address */
		p = (int *)1;
		*p = 1;
	case 'm':	/* no memory there */
		p = (int *)0140000;
		*p = 1;
	case 'i':
		illegal();
	case 't':
		bpt();
	case 'e':
		emt();
	case 'o':
		iot();
	case 'f':
		overflow();
	}
	printf("alive\n");
}

/* Fork until there is no more, then end the children. */
#include <signal.h>
extern int errno;
int kid[200];

main(argc, argv)
char **argv;
{
	int n, pid, st, i;

	if (argc > 1)
		setuid(atoi(argv[1]));
	/* V7 counts the uses of an open file in a signed byte, so have none. */
	for (i = 0; i < 20; i++)
		close(i);
	for (n = 0; (pid = fork()) > 0; n++)
		kid[n] = pid;
	if (pid == 0) {
		pause();
		exit(0);
	}
	i = errno;
	open("/dev/tty", 1);
	dup(0);
	printf("%d errno %d\n", n, i);
	for (i = 0; i < n; i++)
		kill(kid[i], SIGKILL);
	for (i = 0; wait(&st) > 0; i++)
		if (st != SIGKILL)
			printf("status %o\n", st);
	printf("%d\n", i);
}

/* Make empty files until there are no more inodes. */
extern int errno;

main()
{
	int f, n;
	char name[14];

	for (n = 0; ; n++) {
		sprintf(name, "e%d", n);
		if ((f = creat(name, 0644)) < 0) {
			printf("%d files, errno %d\n", n, errno);
			exit(0);
		}
		close(f);
	}
}

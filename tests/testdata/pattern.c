/*
 * Write blocks, each of them different, to a file, from block argv[2] on,
 * argv[3] of them or as many as there is room for.
 */
extern int errno;
char b[512];

main(argc, argv)
char **argv;
{
	int f, i;
	long n, first, count, lseek(), atol();

	first = atol(argv[2]);
	count = atol(argv[3]);
	if ((f = open(argv[1], 2)) < 0 && (f = creat(argv[1], 0644)) < 0) {
		printf("cannot create, errno %d\n", errno);
		exit(1);
	}
	lseek(f, first*512, 0);
	for (n = first; n < first + count; n++) {
		for (i = 0; i < 512; i++)
			b[i] = n*7 + i*3 + (n>>5);
		errno = 0;
		if ((i = write(f, b, 512)) != 512) {
			printf("%ld blocks, write gives %d, errno %d\n", n - first, i, errno);
			exit(1);
		}
	}
	exit(0);
}

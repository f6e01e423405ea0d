/* Work on 14 kilobytes for a while, then say how it came out. */
int a[7000];

main(argc, argv)
char **argv;
{
	register int i;
	int pass;
	long x;

	x = atoi(argv[1]);
	for (i = 0; i < 7000; i++) {
		x = x*1103515245L + 12345;
		a[i] = x >> 16;
	}
	for (pass = 0; pass < 4; pass++) {
		sleep(1);
		for (i = 1; i < 7000; i++)
			a[i] = a[i]*3 + a[i-1];
	}
	printf("%s %d\n", argv[1], a[6999]);
	exit(0);
}

/* Recurse argv[1] deep, with a frame that is filled and checked. */
long
down(n)
{
	int i, a[16];
	long sum;

	for (i = 0; i < 16; i++)
		a[i] = n + i;
	if (n == 0)
		return (0);
	sum = down(n - 1);
	for (i = 0; i < 16; i++)
		if (a[i] != n + i)
			printf("frame %d is damaged\n", n);
	return (sum + n);
}

main(argc, argv)
char **argv;
{
	printf("%ld\n", down(atoi(argv[1])));
}

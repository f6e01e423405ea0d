/* Hold files open. */
main(argc, argv)
char **argv;
{
	int i;

	for (i = 3; i < 20; i++)
		close(i);
	for (i = 1; i < argc; i++)
		if (open(argv[i], 0) < 0)
			printf("cannot open %s\n", argv[i]);
	pause();
}

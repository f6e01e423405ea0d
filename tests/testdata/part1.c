extern int count[];
extern char *what();

main(argc, argv)
char **argv;
{
	count[3] += 4;
	printf("%s %d\n", what(argc), count[3]);
	exit(count[3]);
}

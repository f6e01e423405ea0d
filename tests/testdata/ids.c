main()
{
	printf("%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
}

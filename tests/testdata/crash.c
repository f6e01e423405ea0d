/* Dies three calls deep, for adb to say where. */
int depth;
char *message = "was here";

inner(a, b)
{
	depth = a + b;
	*(int *)1 = 0;
}

middle(a)
{
	inner(a + 1, a * 2);
}

main()
{
	middle(20);
}

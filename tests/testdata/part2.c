int count[10] = { 1, 2, 3, 5 };
static char *names[] = { "none", "one", "two" };

char *
what(n)
{
	return (names[n]);
}

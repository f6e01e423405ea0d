/* Arithmetic of every width, for comparison with the host's. */
struct pair { int a; long b; char c[3]; };

struct pair
make(n)
{
	struct pair p;

	p.a = n;
	p.b = (long)n * n * n;
	p.c[0] = n;
	p.c[1] = n >> 3;
	p.c[2] = n ^ 0125;
	return (p);
}

int add(a, b) { return (a + b); }
int sub(a, b) { return (a - b); }
int mul(a, b) { return (a * b); }
int (*op[])() = { add, sub, mul };

int
sparse(n)
{
	switch (n) {
	case -1: return (10);
	case 3: return (20);
	case 1000: return (30);
	case 32767: return (40);
	}
	switch (n & 7) {
	case 0: case 1: return (1);
	case 2: return (2);
	case 3: return (3);
	case 4: return (5);
	case 5: return (8);
	}
	return (0);
}

main()
{
	register int i;
	int s;
	unsigned u;
	long x, y;
	struct pair p;

	x = 1;
	s = 0;
	u = 0;
	for (i = 0; i < 2000; i++) {
		x = x * 1103515245L + 12345;
		s += (x >> 16) % 1000;
		s ^= (int)x;
		u = u * 3 + (unsigned)s / 7 + s % 13;
	}
	printf("%ld %d %u\n", x, s, u);
	y = 0;
	for (i = 1; i < 300; i++) {
		x = x * 69069L + 1;
		y += x / (i * 77L) - x % (i * 3L);
		y ^= (x << (i & 15)) ^ (x >> (i % 20));
	}
	printf("%ld %lx %lo\n", y, y, y);
	for (i = -3; i < 4; i++) {
		p = make(i * 1234);
		printf("%d %ld %d %d %d\n", p.a, p.b, p.c[0], p.c[1], p.c[2]);
	}
	for (i = 0; i < 3; i++)
		printf("%d ", (*op[i])(300, 123));
	for (i = -2; i < 8; i++)
		printf("%d ", sparse(i));
	printf("%d %d\n", sparse(1000), sparse(32767));
	printf("%5d|%-5d|%05d|%c|%s|%.3s|%10.4s|\n", 42, 42, 42, 'x', "str", "string", "string");
}

/* Floating point: the operations and the library's functions. */
#include <math.h>

double x[] = { 1e-30, .001, .1, .3333333333333333, .5, .9999, 1., 1.5, 2., 2.718281828459045, 10., 123.456, 65535., 1e10 };
#define N (sizeof x/sizeof x[0])

main()
{
	register i, j;
	double y, sum, frexp();
	float f;
	int e;
	long l;

	for (i = 0; i < N; i++) {
		y = x[i];
		printf("a %.15e %.15e %.15e %.15e\n", y+.7, y-.7, y*.7, y/.7);
		printf("b %.15e %.15e %.15e\n", sqrt(y), log(y), atan(y));
		if (y < 1000)
			printf("c %.14e %.14e\n", sin(y), cos(y));
		if (y < 80)
			printf("d %.14e %.14e\n", exp(y), pow(y, 2.5));
		printf("e %.15e %.15e\n", floor(y*10), ceil(-y*10));
		sum = frexp(y, &e);
		printf("f %.15e %d %.15e\n", sum, e, ldexp(sum, e - 3));
		f = y;
		f = f*f + 1;
		printf("g %.7e\n", f);
		l = y;
		j = y/2;
		if (y < 60000)
			printf("h %ld %d\n", l, j);
	}
	sum = 0;
	for (i = 1; i <= 30000; i++)
		sum += 1./i;
	printf("s %.15e\n", sum);
	printf("t %.10f %10.3f|%-10.2f|%g %g %g\n", 1/3., -2.71828, 3.14159, 100000., 1e20, .0001);
	printf("u %.15e %.15e\n", atof("3.14159265358979"), atof("-1.5e-10"));
	printf("v %d %d %d %d\n", 1.5 < 2., 2. < 1.5, -1. < 0., 1e-20 == 0.);
}

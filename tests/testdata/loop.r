# a line of Pascal's triangle by ratfor
integer c(20), i, n
n = 9
for (i = 1; i <= n + 1; i = i + 1)
	c(i) = 0
c(1) = 1
i = 1
while (i <= n) {
	j = i + 1
	repeat {
		if (j == 1)
			break
		c(j) = c(j) + c(j-1)
		j = j - 1
	}
	i = i + 1
}
if (c(2) != n)
	write(6, 10)
else
	write(6, 20) (c(i), i = 1, 10)
10 format('wrong')
20 format(10i4)
end

.ll 60n
.pl 1i
.EQ
x sup 2 + y sub i = z
.EN

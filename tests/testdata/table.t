.ll 60n
.pl 1i
.TS
l r n.
name	count	price
bolt	12	3.5
washer	7	10.25
nut	123	.75
.TE
.EQ
x sup 2 + y sub i over 2
.EN

	.text
etext:
	.bss
end:	.=.+2

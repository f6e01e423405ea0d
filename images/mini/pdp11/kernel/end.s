	.text
etext:
	.bss
end:

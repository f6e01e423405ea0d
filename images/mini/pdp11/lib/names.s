/ What is behind all other data of a program: ls collects names here.
	.bss
names:	.=.+1024.

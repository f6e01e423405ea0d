10 f = 1
20 for i = 1 9
30 f = f*i
40 print i " " f
50 next

for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
do
	cp worker w$i
done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
do
	w$i $i >out$i &
done
wait
cat out?  out??
rm w? w?? out? out??

      integer n, steps
      n = 27
      steps = 0
10    if (n .eq. 1) goto 40
      if (mod(n, 2) .eq. 0) goto 20
      n = 3*n + 1
      goto 30
20    n = n/2
30    steps = steps + 1
      if (steps .gt. 1000) goto 50
      goto 10
40    write(6, 100) steps
100   format(i5)
      stop
50    write(6, 110)
110   format('too many')
      end

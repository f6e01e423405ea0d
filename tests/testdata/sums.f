      program sums
      integer i, j, prime(30), n
      double precision s, x
      complex z
      character*5 word
      s = 0d0
      do 10 i = 1, 1000
10    s = s + 1d0/i
      write(6,100) s
100   format('harmonic ', f18.14)
      n = 0
      i = 2
20    continue
      do 30 j = 1, n
30    if (mod(i, prime(j)) .eq. 0) goto 40
      n = n + 1
      prime(n) = i
40    i = i + 1
      if (n .lt. 30) goto 20
      write(6,110) prime
110   format(10i5)
      x = 2d0
      write(6,120) sqrt(x), exp(1d0), atan(1d0)*4d0
120   format(3e22.14)
      z = cmplx(3., 4.)
      write(6,130) abs(z), real(z*z), aimag(z*z)
130   format(3f8.2)
      word = 'ab' // 'cd'
      write(6,140) word, len(word), ifact(7)
140   format(a, '|', i3, i6)
      end
      integer function ifact(n)
      ifact = 1
      do 10 i = 2, n
10    ifact = ifact * i
      return
      end

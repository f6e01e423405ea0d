define(`fact', `ifelse($1, 0, 1, `eval($1*fact(eval($1-1)))')')dnl
fact(7)
define(`rev', `ifelse($1, , , `rev(substr($1, 1))`'substr($1, 0, 1)')')dnl
rev(seventh)
eval((3+4)*5%9) len(`edition') index(`version', `s') translit(`unix', `nuix', `NUIX')
divert(1)last
divert(0)first
undefine(`fact')fact(3) ifdef(`rev', yes, no) incr(41)
changequote([,])define([q],[a`b])q

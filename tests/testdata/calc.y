%token NUM NL
%left '+' '-'
%left '*' '/' '%'
%left UMINUS
%%
lines	: /* nothing */
	| lines line
	;
line	: NL
	| expr NL	{ printf("%d\n", $1); }
	| error NL	{ printf("error\n"); yyerrok; }
	;
expr	: '(' expr ')'	{ $$ = $2; }
	| expr '+' expr	{ $$ = $1 + $3; }
	| expr '-' expr	{ $$ = $1 - $3; }
	| expr '*' expr	{ $$ = $1 * $3; }
	| expr '/' expr	{ $$ = $1 / $3; }
	| expr '%' expr	{ $$ = $1 % $3; }
	| '-' expr %prec UMINUS	{ $$ = -$2; }
	| NUM
	;
%%
#include <stdio.h>
#include "lex.yy.c"
yyerror(s) char *s; {}
yywrap() { return (1); }
main() { yyparse(); }

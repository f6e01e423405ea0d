package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"v7em/tests/guest"
)

// said waits until the guest has nothing more to say and returns what it said since
// the last answer.
func said(g *guest.Guest, answer string) string {
	g.Send(answer)
	for before := -1; before != len(g.Printed()); {
		before = len(g.Printed())
		g.Wait(3 * guest.Second)
	}
	return g.Printed()
}

func TestLearn(t *testing.T) {
	t.Parallel()
	g := boot(t)
	if out := said(g, "learn\r"); !strings.Contains(out, "files\n  editor\n") {
		t.Errorf("learn began with %q", out)
	}
	said(g, "files\r")
	if out := said(g, "\r"); !strings.Contains(out, "st#he@\nthf#e\n") {
		t.Errorf("the first lesson is %q", out)
	}
	// # erases and @ kills: that leaves the second line's "the".
	if out := said(g, "answer she\r"); !strings.Contains(out, "Sorry") {
		t.Errorf("a wrong answer: %q", out)
	}
	said(g, "yes\r")
	if out := said(g, "answer the\r"); !strings.Contains(out, "Good.  Lesson 0.1a (") || !strings.Contains(out, "\"date\"") {
		t.Errorf("a right answer: %q", out)
	}
	if out := said(g, "date\r"); !strings.Contains(out, "EST 1983\n$ ") {
		t.Errorf("date in a lesson: %q", out)
	}
	if out := said(g, "ready\r"); !strings.Contains(out, "Good.  Lesson 0.1b (") {
		t.Errorf("ready after the lesson: %q", out)
	}
	if out := said(g, "bye\r"); !strings.Contains(out, "Bye.\n") {
		t.Errorf("bye: %q", out)
	}
	// All courses are there and begin.
	for _, course := range []string{"editor", "morefiles", "macros", "eqn", "C"} {
		g := boot(t)
		said(g, "learn "+course+"\r")
		if out := said(g, "\r"); len(out) < 200 || strings.Contains(out, "can't") || strings.Contains(out, "No lesson") {
			t.Errorf("learn %s: %q", course, out)
		}
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	g := boot(t)
	out := said(g, "/usr/games/arithmetic\r")
	question := regexp.MustCompile(`(\d+) ([-+]) (\d+) =   $`)
	for range 12 {
		q := question.FindStringSubmatch(out)
		if q == nil {
			t.Fatalf("arithmetic printed %q", out)
		}
		a, _ := strconv.Atoi(q[1])
		b, _ := strconv.Atoi(q[3])
		if q[2] == "-" {
			b = -b
		}
		out = said(g, fmt.Sprintf("%d\r", a+b))
		if !strings.HasPrefix(out, "Right!\n") {
			t.Errorf("%s%d was not right: %q", q[0], a+b, out)
		}
	}
	if out := said(g, "\x7f"); !strings.Contains(out, "Rights 12; Wrongs 0; Score 100%") {
		t.Errorf("at the end: %q", out)
	}
}

// score is moo's: bulls, cows.
func score(guess, secret string) (bulls, cows int) {
	for i := range guess {
		for j := range secret {
			if guess[i] == secret[j] {
				if i == j {
					bulls++
				} else {
					cows++
				}
			}
		}
	}
	return bulls, cows
}

// Moo is played to the end, by guessing what all answers so far allow: they must be
// consistent.
func TestMoo(t *testing.T) {
	t.Parallel()
	g := boot(t)
	said(g, "/usr/games/moo\r")
	var left []string
	for n := range 10000 {
		s := fmt.Sprintf("%04d", n)
		b := []byte(s)
		slices.Sort(b)
		if len(slices.Compact(b)) == 4 {
			left = append(left, s)
		}
	}
	for range 12 {
		if len(left) == 0 {
			t.Fatal("moo's answers allow no number")
		}
		guess := left[0]
		out := said(g, guess+"\r")
		if strings.Contains(out, "attempts") || strings.Contains(out, "4 bulls") {
			t.Logf("moo: %q", out)
			return
		}
		var bulls, cows int
		if _, err := fmt.Sscanf(out, "%d bulls; %d cows", &bulls, &cows); err != nil {
			t.Fatalf("moo printed %q", out)
		}
		left = slices.DeleteFunc(left, func(s string) bool {
			b, c := score(guess, s)
			return b != bulls || c != cows
		})
	}
	t.Error("moo does not end")
}

func TestQuiz(t *testing.T) {
	t.Parallel()
	g := boot(t)
	capital := map[string]string{}
	for l := range strings.Lines(string(g.ReadFile("/usr/games/quiz.k/state"))) {
		f := strings.Split(l, ":")
		state, _, _ := strings.Cut(f[0], "|")
		capital[f[1]] = state
	}
	out := said(g, "/usr/games/quiz capital state\r")
	for range 5 {
		city := strings.TrimSpace(out)
		city = city[strings.LastIndex(city, "\n")+1:]
		state, ok := capital[city]
		if !ok || strings.ContainsAny(state, "{") {
			out = said(g, "\r")
			continue
		}
		if out = said(g, state+"\r"); !strings.HasPrefix(out, "Right!\n") {
			t.Errorf("the state of %s: %q", city, out)
		}
	}
}

// A game each of what can be watched from outside.
func TestGames(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	if out := g.Run("/usr/games/fortune"); !strings.Contains(string(g.ReadFile("/usr/games/lib/fortunes")), out) || len(out) < 10 {
		t.Errorf("no fortune of the file: %q", out)
	}
	// Holes for h and i in a punched card: zones 12 and 12, digits 8 and 9.
	card := strings.NewReplacer("\b", "", "\x01", "").Replace(g.Run("echo hi | /usr/games/bcd"))
	for i, want := range []string{"/HI   ", "|[][]   ", "", "", "|1111", "|2222", "|3333", "|4444", "|5555", "|6666", "|7777", "|[]888", "|9[]99"} {
		if l := card[strings.Index(card, "/HI"):]; !strings.HasPrefix(strings.Split(l, "\n")[i], want) {
			t.Errorf("line %d of the card is %q, want %q", i, strings.Split(l, "\n")[i], want)
		}
	}
	// And in paper tape: the bits, with the sprocket's between 2 and 3.
	want := "___________\n"
	for _, c := range []byte("hi\n") {
		row := []byte("|         |")
		for bit := range 8 {
			col := 9 - bit
			if bit > 2 {
				col--
			}
			if c>>bit&1 != 0 {
				row[col] = 'o'
			}
		}
		row[6] = '.'
		want += string(row) + "\n"
	}
	expect(t, g, "echo hi | /usr/games/ppt", want+"___________\n")
	for _, c := range []struct{ letter string }{{"h"}, {"i"}} {
		if out := g.Run("echo " + c.letter + " | /usr/games/banner"); strings.Count(out, "X") < 50 {
			t.Errorf("banner %s: %q", c.letter, out)
		}
	}

	// Rooms of the wumpus's cave have three tunnels, which lead there and back.
	tunnels := regexp.MustCompile(`You are in room (\d+)\n(?:.*\n)*There are tunnels to (\d+) (\d+) (\d+)\n`)
	g = boot(t)
	said(g, "/usr/games/wump\r")
	out := said(g, "n\r")
	room := tunnels.FindStringSubmatch(out)
	if room == nil {
		t.Fatalf("wump printed %q", out)
	}
	for _, to := range room[2:] {
		c := g.Clone(t)
		said(c, "m\r")
		out := said(c, to+"\r")
		next := tunnels.FindAllStringSubmatch(out, -1)
		if next == nil || next[len(next)-1][1] != to {
			continue // a pit, a bat, or the wumpus
		}
		if back := next[len(next)-1][2:]; !slices.Contains(back, room[1]) {
			t.Errorf("from room %s a tunnel leads to %s, and from there to %v", room[1], to, back)
		}
	}
	// The chess board as it is at the start.
	g = boot(t)
	said(g, "/usr/games/chess\r")
	board := lines("8  R N B Q K B N R", "7  P P P P P P P P", "6  - * - * - * - *", "5  * - * - * - * -",
		"4  - * - * - * - *", "3  * - * - * - * -", "2  p p p p p p p p", "1  r n b q k b n r")
	if out := said(g, "\r"); !strings.Contains(out, board) {
		t.Errorf("the chess board is\n%s\nwant\n%s", out, board)
	}
	for game, begins := range map[string]string{
		"hangman": "guess: ", "ttt": "Tic-Tac-Toe\n", "cubic": "move first", "bj": "Black Jack\n",
		"maze": "squares long", "reversi": "", "checkers": "", "backgammon": "", "words": "",
	} {
		g := boot(t)
		if out := said(g, "/usr/games/"+game+"\r"); !strings.Contains(out, begins) || strings.Contains(out, "not found") || strings.Contains(out, "core dumped") {
			t.Errorf("%s begins with %q", game, out)
		}
	}
}

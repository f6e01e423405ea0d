package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"v7em/block"
	"v7em/escape"
	"v7em/journaldev"
)

func journalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look at the journal of a disk image, recover the image, or drop it",
		Long: `The journal of rk0.rk05 is the file rk0.rk05.journal beside it. It has what was
committed to the disk and may not all be in the image yet. v7em recovers an
image by itself before it writes to it; another emulator does not, so recover it
first.`,
		Example: `  v7em journal status rk0.rk05
  v7em journal dump -r rk0.rk05
  v7em journal recover rk0.rk05`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(journalStatusCommand(), journalDumpCommand(), journalRecoverCommand(), journalOffCommand())
	return withAdvice(cmd)
}

// readLog reads the journal of an image; nil if it has none, or one without a byte.
func readLog(image string) (*journaldev.Log, error) {
	if err := checkImage(image); err != nil {
		return nil, err
	}
	l, err := journaldev.ReadLog(image)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, journaldev.ErrEmpty) {
		return nil, nil
	}
	return l, err
}

// checkImage refuses what is no image and has no journal.
func checkImage(image string) error {
	st, err := os.Stat(image)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such image", image)
	case err != nil || journaled(image):
		return err
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s is no disk image: it is no regular file", image)
	case st.Size() == 0 || st.Size()%block.Size != 0:
		return fmt.Errorf("%s is no disk image, and has no journal: it has %d bytes, no blocks of %d", image,
			st.Size(), block.Size)
	}
	return nil
}

// journalStatus is what `journal status` prints.
type journalStatus struct {
	Image string `json:"image"`
	*journaldev.Log
	Recovery *journaldev.Recovery `json:"recovery,omitempty"` // what it would do
	InUse    string               `json:"in_use,omitempty"`
}

func journalStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status IMAGE",
		Short: "Say what is committed, what is home, and how full the journal is",
		Long: `Status says which transactions are home (in the image), which are committed and
wait to be brought home, how full the journal is, when the last commit was, and
what recovery would do. It changes nothing. A machine may be running on the
image.`,
		Example: `  v7em journal status rk0.rk05`,
		Args:    argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := readLog(args[0])
			if err != nil {
				return err
			}
			s := journalStatus{Image: args[0], Log: l}
			if journaled(args[0]) {
				_, r, err := journaldev.Look(args[0])
				var busy *journaldev.BusyError
				switch {
				case err == nil:
					s.Recovery = &r
				case errors.As(err, &busy):
					s.InUse = busy.Error()
				default:
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s, "")
			}
			return s.print(cmd.OutOrStdout(), time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func (s *journalStatus) print(w io.Writer, now time.Time) error {
	if s.Log == nil {
		line := s.Image + " has no journal"
		if s.Recovery != nil {
			line += ": " + s.Recovery.String()
		}
		_, err := fmt.Fprintln(w, line)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "journal:     %s, of a pack of %d blocks, begun %d times\n", s.Path, s.Blocks, s.Generation)
	if s.InUse != "" {
		fmt.Fprintf(&b, "in use:      %s\n", escape.Line(s.InUse))
	}
	fmt.Fprintf(&b, "home:        transaction %d\n", s.Home)
	fmt.Fprintf(&b, "committed:   transaction %d, %d not home\n", s.Committed, s.Committed-s.Home)
	if s.Damaged > 0 {
		fmt.Fprintf(&b, "damaged:     transaction %d; %d are lost\n", s.Damaged, s.Newest-s.Damaged+1)
	} else {
		fmt.Fprintf(&b, "pending:     %d not committed%s\n", s.Newest-s.Committed, notWhole(s.Newest-s.Committed))
	}
	fmt.Fprintf(&b, "full:        %d of %d KB\n", (s.RingUsed+1023)>>10, s.RingSize>>10)
	if s.LastCommit.IsZero() {
		fmt.Fprintf(&b, "last commit: none\n")
	} else {
		fmt.Fprintf(&b, "last commit: %s, %s ago\n", s.LastCommit.Format(time.DateTime), age(now.Sub(s.LastCommit)))
	}
	if s.Recovery != nil {
		fmt.Fprintf(&b, "recovery:    %v\n", preview(*s.Recovery))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// notWhole says what a transaction is of which only a part can be read.
func notWhole(n uint64) string {
	if n == 0 {
		return ""
	}
	return ", cut off or damaged"
}

// age tells a time span in days when it is long.
func age(d time.Duration) string {
	if days := int(d.Hours()) / 24; days >= 2 {
		return fmt.Sprintf("%d days", days)
	}
	return d.Round(time.Second).String()
}

// preview says what a recovery would do.
func preview(r journaldev.Recovery) string {
	if r.Count == 0 {
		return r.String()
	}
	return "would have " + r.String()
}

func journalDumpCommand() *cobra.Command {
	var backwards, asJSON bool
	cmd := &cobra.Command{
		Use:   "dump IMAGE",
		Short: "Print the transactions in a journal",
		Long: `Dump prints the transactions that the journal still has, those that are home
included: a line for the transaction with its state, time, size and reason; a
line for each operation that was seen (program, process, system call, path); and
a line for each update with its type, the transaction, its number, the block and
the bytes in it that changed:

  TRANS: 99 home 2026-11-22T02:10:11.123Z 6 updates 4608 bytes interval
  OP: 99 0 mkdir 27 mknod /tmp/d
  INODE: 99 2 bno = 257 128 - 192

The types are SUPER (superblock), INODE, ILIST (indirect block), FREE (of the
free list), USED (a fresh block for a file) and FDATA (data). With --json each
transaction is an object on a line of its own.`,
		Example: `  v7em journal dump rk0.rk05
  v7em journal dump -r --json rk0.rk05 | head -1 | jq`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := readLog(args[0])
			if err != nil {
				return err
			}
			if l == nil {
				return fmt.Errorf("%s has no journal", args[0])
			}
			for t := range l.Transactions(backwards) {
				if asJSON {
					err = printJSON(cmd.OutOrStdout(), t, "")
				} else {
					err = printTransaction(cmd.OutOrStdout(), t)
				}
				if err != nil {
					return err
				}
			}
			if l.Damaged > 0 {
				return fmt.Errorf("%s: transaction %d is damaged", l.Path, l.Damaged)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&backwards, "reverse", "r", false, "the newest first, and in each the last update first")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each transaction as a line of JSON")
	return cmd
}

func printTransaction(w io.Writer, t journaldev.Transaction) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TRANS: %d %s %s %d updates %d bytes %s\n", t.ID, t.State,
		t.Time.Format("2006-01-02T15:04:05.000Z07:00"), len(t.Updates), t.Bytes, escape.Word(t.Note.Reason))
	for i, o := range t.Note.Ops {
		fmt.Fprintf(&b, "OP: %d %d %s %d %s %s\n", t.ID, i, escape.Word(o.Program), o.PID, escape.Word(o.Call),
			escape.Word(o.Path))
	}
	if t.Note.More > 0 {
		fmt.Fprintf(&b, "OP: %d and %d more\n", t.ID, t.Note.More)
	}
	for _, u := range t.Updates {
		fmt.Fprintf(&b, "%s: %d %d bno = %d %d - %d\n", u.Type, t.ID, u.Number, u.Block, u.From, u.To)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func journalRecoverCommand() *cobra.Command {
	var force, asJSON bool
	cmd := &cobra.Command{
		Use:   "recover IMAGE",
		Short: "Bring what is committed into the image",
		Long: `Recover writes to the image what was committed and is not in it yet, and says
what it did. The image is then as it was at the last commit, for any emulator to
use. Doing it again does no harm, also when it was interrupted.

A journal that does not fit the image is refused: it belongs to another pack, or
something else has written to this one since. --force applies it all the same:
of the blocks that the journal has, what is in the image now is lost.

The status is 1 when the journal is damaged, so that transactions are lost.`,
		Example: `  v7em journal recover rk0.rk05`,
		Args:    argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkImage(args[0]); err != nil {
				return err
			}
			r, err := journaldev.Recover(args[0], force)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), r, "")
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %v\n", args[0], r)
			}
			if err == nil && r.Damaged > 0 {
				err = inconsistent{}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "apply a journal that does not fit the image")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

func journalOffCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "off IMAGE",
		Short: "Recover an image and remove its journal",
		Long: `Off recovers an image and removes its journal. A machine that is started on it
with the journal on, as it is by default, makes a new one. With --force the
journal is not brought into the image: what was committed to it and is not
there yet is lost, and off says how much that is and how old.`,
		Example: `  v7em journal off rk0.rk05`,
		Args:    argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkImage(args[0]); err != nil {
				return err
			}
			if force {
				held, err := journaldev.DropJournal(args[0])
				if errors.Is(err, fs.ErrNotExist) {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has no journal\n", args[0])
					return err
				}
				if err != nil {
					return err
				}
				line := "the journal is gone"
				if lost := heldText(held, time.Now()); lost != "" {
					line += ", and with it " + lost
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], line)
				return err
			}
			r, err := journaldev.RemoveJournal(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], r)
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the journal without bringing home what it has, which is lost")
	return cmd
}

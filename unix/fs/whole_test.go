package fs

import (
	"strings"
	"testing"
)

// A file of the guest is replaced whole or not at all, also on a disk without a journal.
func TestPutWhole(t *testing.T) {
	f, _ := newFS(t, 100)
	if err := f.WriteFile("/f", []byte("old"), Attr{UID: 5, Perm: 0o4711}); err != nil {
		t.Fatal(err)
	}
	if err := f.Link("/f", "/g"); err != nil {
		t.Fatal(err)
	}
	big := strings.NewReader(strings.Repeat("x", 100*BlockSize))
	if _, err := f.PutWhole("/f", big, Attr{}); err == nil {
		t.Fatal("100 blocks fit on 100")
	}
	if b, err := f.ReadFile("/g"); err != nil || string(b) != "old" {
		t.Errorf("after a failure there is %q, %v", b, err)
	}
	if _, err := f.PutWhole("/f", strings.NewReader("new and longer"), Attr{Perm: 0o755, KeepOwner: true}); err != nil {
		t.Fatal(err)
	}
	st, err := f.Lookup("/g")
	if b, _ := f.ReadFile("/g"); err != nil || string(b) != "new and longer" || st.UID != 5 || st.Mode&ModePerm != 0o755 || st.Nlink != 2 {
		t.Errorf("replaced: %q, %+v, %v", b, st, err)
	}
	mustCheck(t, f)
}

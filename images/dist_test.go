package images

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dist returns the real distribution or skips the test.
func dist(t *testing.T) string {
	t.Helper()
	p := os.Getenv("V7EM_DIST")
	if p == "" {
		t.Skip("needs the V7 distribution: set V7EM_DIST to v7.tar.gz from the TUHS archive (" + distPath + ")")
	}
	return p
}

// archive serves body at the distribution's place of an archive root.
func archive(t *testing.T, body []byte) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/Archive/"+distPath {
			http.NotFound(w, r)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

// empty fails the test unless the directory holds nothing.
func empty(t *testing.T, dir string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		t.Errorf("left behind: %s", e.Name())
	}
}

func TestFindNamedFile(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.tar.gz")
	if err := os.WriteFile(bad, make([]byte, DistSize), 0o644); err != nil {
		t.Fatal(err)
	}
	var ce *ChecksumError
	if _, err := (&Finder{File: bad}).Find(t.Context()); !errors.As(err, &ce) || ce.Got == "" {
		t.Errorf("wrong contents: %v", err)
	}
	if err := os.Truncate(bad, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Finder{File: bad}).Find(t.Context()); !errors.As(err, &ce) || ce.Size != 1000 || strings.Contains(err.Error(), "\n") {
		t.Errorf("truncated: %v", err)
	}
	if _, err := (&Finder{File: filepath.Join(dir, "none")}).Find(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := (&Finder{File: dir}).Find(t.Context()); err == nil {
		t.Error("a directory passed")
	}
}

func TestFindFailures(t *testing.T) {
	notFound := httptest.NewServer(http.NotFoundHandler())
	defer notFound.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close() // refuses connections, as a host without a network does
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3595769")
		w.Write(make([]byte, 5000))
	}))
	defer cut.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()

	for _, tt := range []struct {
		name string
		url  string
		want string
	}{
		{"404", notFound.URL, "404 Not Found"},
		{"no network", gone.URL, "refused"},
		{"truncated", cut.URL, "after 5000 bytes"},
		{"short", archive(t, []byte("hello")).URL, "5 bytes"},
		{"endless", endless.URL, "is not the distribution"},
		{"wrong contents", archive(t, make([]byte, DistSize)).URL, "SHA-256"},
		{"no mirror at all", "://", "missing protocol scheme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := t.TempDir()
			f := &Finder{Cache: cache, Mirrors: []string{tt.url + "/Archive/"}}
			_, err := f.Find(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if !strings.Contains(err.Error(), "by other means") || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line that says what to do: %q", err)
			}
			empty(t, cache)
		})
	}
}

func TestFindCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 100))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	cache := t.TempDir()
	if _, err := (&Finder{Cache: cache, Mirrors: []string{s.URL, s.URL}}).Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	empty(t, cache)
}

func TestFindCacheUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Finder{Cache: file}).Find(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestFindDownloads(t *testing.T) {
	body, err := os.ReadFile(dist(t))
	if err != nil {
		t.Fatal(err)
	}
	notFound := httptest.NewServer(http.NotFoundHandler())
	defer notFound.Close()
	good := archive(t, body)
	cache := filepath.Join(t.TempDir(), "a", "b")
	var last int64
	f := &Finder{
		Cache:    cache,
		Mirrors:  []string{notFound.URL + "/Archive/", archive(t, body[1:]).URL + "/Archive", good.URL + "/Archive"},
		Progress: func(_ string, done, total int64) { last = done * 100 / total },
	}
	path, err := f.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the file differs: %v", err)
	}
	if last != 100 {
		t.Errorf("progress ended at %d%%", last)
	}
	// From now on no server is needed, unless the cache is damaged.
	f.Mirrors = nil
	if _, err := f.Find(t.Context()); err != nil {
		t.Errorf("from the cache: %v", err)
	}
	if err := os.Truncate(path, 7); err != nil {
		t.Fatal(err)
	}
	f.Mirrors = []string{good.URL + "/Archive"}
	if _, err := f.Find(t.Context()); err != nil {
		t.Errorf("damaged cache: %v", err)
	}
	if err := verify(path); err != nil {
		t.Error(err)
	}
}

// TestNoDistribution: the error names each host that was asked, once, and what came of it.
func TestNoDistribution(t *testing.T) {
	notFound := httptest.NewServer(http.NotFoundHandler())
	defer notFound.Close()
	f := &Finder{Cache: t.TempDir(), Mirrors: []string{"http://a.invalid/Archive/", "http://b.invalid/", notFound.URL}}
	f.Client = &http.Client{Transport: refusing{http.DefaultTransport}}
	_, err := f.Find(t.Context())
	var e *NoDistributionError
	if !errors.As(err, &e) || !errors.Is(err, ErrNoDistribution) {
		t.Fatal(err)
	}
	if want := "a.invalid, b.invalid: no such host; " + strings.TrimPrefix(notFound.URL, "http://") + ": 404 Not Found"; e.Why() != want {
		t.Errorf("%q, want %q", e.Why(), want)
	}
	if len(e.Tried) != 3 {
		t.Errorf("tried %v", e.Tried)
	}
	if e := (&NoDistributionError{}); e.Why() != "there is no mirror" {
		t.Errorf("without mirrors: %q", e.Why())
	}
}

// refusing knows no host whose name ends in .invalid.
type refusing struct{ http.RoundTripper }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Host, ".invalid") {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: req.URL.Host, IsNotFound: true}}
	}
	return r.RoundTripper.RoundTrip(req)
}

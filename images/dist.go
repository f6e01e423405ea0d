package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"v7em/internal/hostfile"
)

// The distribution: Henry Spencer's copy of Seventh Edition Unix, kept by the Unix
// Heritage Society.
const (
	DistName   = "v7.tar.gz"
	DistSize   = 3595769 // bytes
	DistSHA256 = "e0fd7bdd046e17de177f5d997acf8123fa43c57b46b032c7337f7666ab69a07e"

	distPath = "Distributions/Research/Henry_Spencer_v7/" + DistName
)

// Mirrors are the roots of the Unix Archive and its mirrors, tried in this order.
var Mirrors = []string{
	"https://www.tuhs.org/Archive/",
	"https://minnie.tuhs.org/Archive/",
	"https://ftp.okass.net/pub/mirror/minnie.tuhs.org/",
}

// stall is how long a mirror may stay silent.
const stall = 20 * time.Second

// Progress is told of work that takes a while: what is being done, and how much of
// how much is done, in units that mean nothing beyond the step. A total of 0 means
// that it is not known.
type Progress func(step string, done, total int64)

func (p Progress) report(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// ChecksumError says that a file is not the distribution.
type ChecksumError struct {
	Path string // file or address
	Got  string // its SHA-256; empty if the length alone tells
	Size int64  // its length in bytes
}

func (e *ChecksumError) Error() string {
	s := fmt.Sprintf("%s is not the distribution %s: it has %d bytes (want %d)", e.Path, DistName, e.Size, DistSize)
	if e.Got != "" {
		s = fmt.Sprintf("%s is not the distribution %s: SHA-256 %s, want %s", e.Path, DistName, e.Got, DistSHA256)
	}
	return s
}

// ErrNoDistribution is what every *NoDistributionError is.
var ErrNoDistribution = errors.New("cannot download the V7 distribution")

// NoDistributionError says that no mirror has given the distribution, as without a
// network.
type NoDistributionError struct {
	Tried []Attempt // in this order
}

// Attempt is a download that failed.
type Attempt struct {
	Mirror string // the root of the archive that was tried, an address
	Err    error
}

func (e *NoDistributionError) Error() string {
	return fmt.Sprintf("%v: %s; get %s by other means", ErrNoDistribution, e.Why(), distPath)
}

// Is makes errors.Is find ErrNoDistribution.
func (e *NoDistributionError) Is(target error) bool { return target == ErrNoDistribution }

// Unwrap returns why each mirror has failed.
func (e *NoDistributionError) Unwrap() []error {
	list := make([]error, len(e.Tried))
	for i, a := range e.Tried {
		list[i] = a.Err
	}
	return list
}

// Why names the hosts that were tried, and says in a few words what each attempt
// failed of: "www.tuhs.org, minnie.tuhs.org: no such host; ftp.okass.net: 404 Not Found".
func (e *NoDistributionError) Why() string {
	var parts []string
	for i := 0; i < len(e.Tried); {
		cause := e.Tried[i].cause()
		var hosts []string
		for ; i < len(e.Tried) && e.Tried[i].cause() == cause; i++ {
			hosts = append(hosts, e.Tried[i].host())
		}
		parts = append(parts, strings.Join(hosts, ", ")+": "+cause)
	}
	if parts == nil {
		return "there is no mirror"
	}
	return strings.Join(parts, "; ")
}

// host returns the name of the host that was asked.
func (a *Attempt) host() string {
	if u, err := url.Parse(a.Mirror); err == nil && u.Host != "" {
		return u.Host
	}
	return a.Mirror
}

// cause returns in a few words what the attempt failed of.
func (a *Attempt) cause() string {
	if d := new(net.DNSError); errors.As(a.Err, &d) {
		return d.Err
	}
	if s := new(statusError); errors.As(a.Err, s) {
		return string(*s)
	}
	if address := new(url.Error); errors.As(a.Err, &address) {
		cause := address.Err
		for next := cause; next != nil; next = errors.Unwrap(next) {
			cause = next
		}
		return cause.Error()
	}
	return a.Err.Error()
}

// statusError is what a mirror has answered instead of the file.
type statusError string

func (e statusError) Error() string { return string(e) }

// Finder finds the distribution: a file that the user named, or the one in the
// cache, which is downloaded when it is missing.
type Finder struct {
	File     string       // the user's file (--dist, $V7EM_DIST); empty: cache or download
	Cache    string       // the directory of the cache
	Mirrors  []string     // roots of the archive
	Client   *http.Client // nil: http.DefaultClient
	Progress Progress     // may be nil
}

// Find returns the name of a file whose checksum is right. A named file with a
// wrong one is refused with a *ChecksumError; a bad file in the cache is fetched
// again.
func (f *Finder) Find(ctx context.Context) (string, error) {
	if f.File != "" {
		return f.File, verify(f.File)
	}
	cached := filepath.Join(f.Cache, DistName)
	if verify(cached) == nil {
		return cached, nil
	}
	if err := hostfile.MkdirAll(f.Cache, 0o777); err != nil {
		return "", err
	}
	failed := &NoDistributionError{}
	for _, m := range f.Mirrors {
		err := f.fetch(ctx, m, cached)
		if err == nil {
			return cached, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if hostErr := new(os.PathError); errors.As(err, &hostErr) {
			return "", err // this host's disk, no mirror's fault
		}
		failed.Tried = append(failed.Tried, Attempt{m, err})
	}
	return "", failed
}

// verify checks length and checksum of a file.
func verify(path string) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, DistSize+1))
	if err != nil {
		return err
	}
	if n != DistSize {
		if st, err := r.Stat(); err == nil && st.Mode().IsRegular() {
			n = st.Size()
		}
		return &ChecksumError{Path: path, Size: n}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != DistSHA256 {
		return &ChecksumError{Path: path, Got: got, Size: n}
	}
	return nil
}

// fetch downloads the distribution from the archive root to the file dst, which
// appears only when the checksum is right.
func (f *Finder) fetch(ctx context.Context, root, dst string) (err error) {
	addr, err := url.JoinPath(root, distPath)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(stall, func() { cancel(fmt.Errorf("%s: no answer for %v", addr, stall)) })
	defer silent.Stop()
	defer func() {
		if err != nil && errors.Is(err, context.Canceled) {
			err = context.Cause(ctx)
		}
	}()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, addr, nil)
	if err != nil {
		return err
	}
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", addr, statusError(resp.Status))
	}

	tmp, err := hostfile.Create(dst, hostfile.Options{Whole: true})
	if err != nil {
		return err
	}
	defer tmp.Abandon()
	h := sha256.New()
	var n int64
	buf := make([]byte, 64<<10)
	for {
		k, rerr := resp.Body.Read(buf)
		silent.Reset(stall)
		if _, err := tmp.Write(buf[:k]); err != nil {
			return err
		}
		h.Write(buf[:k])
		n += int64(k)
		f.Progress.report("downloading the distribution", n, DistSize)
		if rerr == io.EOF || n > DistSize {
			break
		}
		if rerr != nil {
			return fmt.Errorf("%s: after %d bytes: %w", addr, n, rerr)
		}
	}
	if n != DistSize {
		return &ChecksumError{Path: addr, Size: n}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != DistSHA256 {
		return &ChecksumError{Path: addr, Got: got, Size: n}
	}
	return tmp.Commit()
}

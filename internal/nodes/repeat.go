package nodes

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// attempts is the maximum number of times that a read is made.
	attempts = 3

	// attemptTimeout is how long an attempt may take before another node is asked. Only the caller
	// bounds the last attempt, because the answer may be large and the network slow.
	attemptTimeout = 5 * time.Second

	// pause is the approximate wait before the third attempt. The second attempt comes at once: a
	// node that died is known to be dead by then.
	pause = 100 * time.Millisecond
)

// The budget of repetitions, in tenths of a repetition. Each call adds one tenth, and each
// repetition takes ten. A connection carries 256 calls at a time, which all fail when its node is
// killed. The maximum allows for several nodes killed at once.
const (
	budgetMost   = 1000 * budgetRepeat
	budgetRepeat = 10
	budgetCall   = 1
)

// repeater repeats reads. It does not use grpc's own retryPolicy, which gives up once an answer has
// begun: a node may die in the middle of a torrent.
type repeater struct {
	readOnly map[string]bool // full names of methods
	budget   atomic.Int64
}

func newRepeater() *repeater {
	r := &repeater{readOnly: readOnlyMethods(torrentcachev1.File_torrentcache_v1_cache_service_proto)}
	r.budget.Store(budgetMost)
	return r
}

// readOnlyMethods returns the methods of a file that the API says have no side effects.
func readOnlyMethods(file protoreflect.FileDescriptor) map[string]bool {
	names := map[string]bool{}
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		for j := range service.Methods().Len() {
			method := service.Methods().Get(j)
			options, _ := method.Options().(*descriptorpb.MethodOptions)
			if options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
				names["/"+string(service.FullName())+"/"+string(method.Name())] = true
			}
		}
	}
	return names
}

// do makes a call of method. It repeats a failed read that another node may answer better.
func (r *repeater) do(ctx context.Context, method string, call func(context.Context) error) error {
	if !r.readOnly[method] {
		return call(ctx)
	}
	r.earn()
	for attempt := 1; ; attempt++ {
		err := once(ctx, attempt, call)
		if err == nil || attempt == attempts || ctx.Err() != nil || !worthRepeating(err) || !r.spend() {
			return err
		}
		if attempt > 1 && !wait.For(ctx, pause*3/4+rand.N(pause/2)) {
			return err
		}
	}
}

// once makes one attempt. Unless it is the last, it ends after attemptTimeout.
func once(ctx context.Context, attempt int, call func(context.Context) error) error {
	if attempt == attempts {
		return call(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return call(ctx)
}

// worthRepeating reports whether another node may answer better. A deadline that has passed is that
// of the attempt, because do checks the caller's context first.
func worthRepeating(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

// earn adds the share of one call to the budget.
func (r *repeater) earn() {
	if r.budget.Load() < budgetMost {
		r.budget.Add(budgetCall)
	}
}

// spend takes a repetition from the budget. It returns false if none is left.
func (r *repeater) spend() bool {
	if r.budget.Add(-budgetRepeat) >= 0 {
		return true
	}
	r.budget.Add(budgetRepeat)
	return false
}

// feedToken returns an interceptor that sends the key that current returns with the calls of
// SyncService. It sends nothing if the key is empty.
func feedToken(current func() string) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if current != nil && method == torrentcachev1.SyncService_WatchChanges_FullMethodName {
			if token := current(); token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
			}
		}
		return stream(ctx, desc, cc, method, opts...)
	}
}

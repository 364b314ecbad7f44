package deliver

import (
	"context"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// atOnce is a place in a target that has room for everybody.
type atOnce func(context.Context, call.Event) (verdict.Reply, error)

func (p atOnce) Call(ctx context.Context, e call.Event) (verdict.Reply, error) { return p(ctx, e) }
func (p atOnce) Leave()                                                        {}

func (o *fakeOneC) Enter(context.Context) (Place, error) { return atOnce(o.Call), nil }
func (o says) Enter(context.Context) (Place, error)      { return atOnce(o.Call), nil }
func (o healthy) Enter(context.Context) (Place, error)   { return atOnce(o.Call), nil }

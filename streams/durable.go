package streams

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// leastAPI is the level of JetStream's API at which atomic batches came.
const leastAPI = 2

// Durability looks at what can be seen of how safe acknowledged messages are,
// and returns a sentence for each doubt. How often a server syncs its disk
// cannot be seen by a client.
func Durability(ctx context.Context, js jetstream.JetStream) (doubts []string, err error) {
	account, err := js.AccountInfo(ctx)
	if err != nil {
		return nil, err
	}
	if l := account.API.Level; l < leastAPI {
		doubts = append(doubts, fmt.Sprintf("the NATS server speaks level %d of JetStream's API and usher needs %d: files cannot be imported; update it", l, leastAPI))
	}
	clustered := js.Conn().ConnectedClusterName() != ""
	for _, r := range table(Options{}) {
		s, err := js.Stream(ctx, r.cfg.Name)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", r.cfg.Name, err)
		}
		c := s.CachedInfo().Config
		switch {
		case c.Storage != jetstream.FileStorage:
			doubts = append(doubts, fmt.Sprintf("the stream %s is kept in memory: a restart of its server loses what it acknowledged", c.Name))
		case clustered && c.Replicas < 3:
			doubts = append(doubts, fmt.Sprintf("the stream %s has %d copies in a cluster: when that server's disk is lost, so is what it acknowledged; `nats stream edit %s --replicas 3`", c.Name, c.Replicas, c.Name))
		}
		if c.Metadata[event.MetaBirth] == "" {
			doubts = append(doubts, fmt.Sprintf("the stream %s does not say when it was made, so it cannot be told from another one once it was restored: run `usher setup`", c.Name))
		}
		if c.MaxBytes <= 0 {
			doubts = append(doubts, fmt.Sprintf("the stream %s has no limit: a full disk stops every stream at once; `nats stream edit %s --max-bytes …`", c.Name, c.Name))
		}
	}
	return doubts, nil
}

//go:build !noembed

package main

import (
	"context"

	"usher/app"
	"usher/app/embedded"
)

// embed runs the servers of `usher up` in this process.
func embed(ctx context.Context, c app.EmbedConfig) (app.Embedded, error) {
	s, err := embedded.Start(ctx, embedded.Config(c))
	if err != nil {
		return nil, err
	}
	return s, nil
}

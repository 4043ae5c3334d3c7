//go:build noembed

package main

import (
	"context"

	"usher/app"
)

// embed is nil: this binary was built without servers.
var embed func(context.Context, app.EmbedConfig) (app.Embedded, error)

package app

import (
	"fmt"
	"log/slog"

	"usher/account"
	"usher/metrics"
)

// validate says which settings of a target are missing, or are for another one
// and would be without effect.
func (a Accounts) validate() error {
	kind := a.AccountTarget
	if kind == "" {
		kind = account.None
	}
	token, secret := a.AccountToken+a.AccountTokenFile != "", a.AccountSecret+a.AccountSecretFile != ""
	switch {
	case kind == account.None && (a.AccountURL != "" || token || secret):
		return fmt.Errorf("--account-target: there is an address or a secret of accounts, so say what they belong to: scim or webhook")
	case kind != account.None && a.AccountURL == "":
		return fmt.Errorf("--account-url: the target %s needs an address", kind)
	case kind == account.SCIM && !token:
		return fmt.Errorf("--account-token-file: SCIM needs a bearer token")
	case kind == account.SCIM && secret:
		return fmt.Errorf("--account-secret: it signs webhooks, SCIM takes --account-token-file")
	case kind == account.Webhook && !secret:
		return fmt.Errorf("--account-secret-file: a webhook needs a secret that signs what is sent")
	case kind == account.Webhook && token:
		return fmt.Errorf("--account-token: it is for SCIM, a webhook takes --account-secret-file")
	}
	return nil
}

// newTarget is where the worker makes accounts usable.
func newTarget(a Accounts, m *metrics.Worker, log *slog.Logger) (account.Target, error) {
	c, err := a.config(m, log)
	if err != nil {
		return nil, err
	}
	t, err := account.New(c)
	if err != nil {
		return nil, fmt.Errorf("--account-url and the settings beside it: %w", err)
	}
	return t, nil
}

func (a Accounts) config(m *metrics.Worker, log *slog.Logger) (c account.Config, err error) {
	token, err := secret("account-token", a.AccountToken, a.AccountTokenFile)
	if err != nil {
		return c, err
	}
	key, err := secret("account-secret", a.AccountSecret, a.AccountSecretFile)
	if err != nil {
		return c, err
	}
	return account.Config{
		Kind: a.AccountTarget, URL: a.AccountURL, Token: token, Secret: key, Undo: a.AccountUndo, UserName: a.AccountUserName,
		Insecure: a.AccountInsecure, Metrics: m, Log: log,
	}, nil
}

// Package signon is the side of OpenID Connect that asks: an issuer, which a deployment
// trusts, says who a person is and to which groups the person belongs.
//
// It speaks the code flow with PKCE, state and nonce, and follows the issuer's discovery
// and keys. It knows neither browsers nor roles: the console keeps what a browser has to
// bring back, and gives groups their roles.
//
// Signatures, issuer, audience and expiry are judged by go-oidc, requests of OAuth are
// made by x/oauth2. What is here is the rest of what OpenID Connect Core asks a client to
// look at: nonce, authorized party, times, and that userinfo is about the same person.
//
// An Issuer that is away keeps nothing from starting. All methods may be called at once.
package signon

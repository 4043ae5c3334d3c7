// Command ship makes what is given away of usher's binary: the Debian package and the
// container image.
// It is a module of its own, so that what it needs moves no version in usher's go.mod.
//
//	ship deb -binary FILE -arch amd64 -version VERSION -time SECONDS -to DIR
//	ship image -amd64 FILE -arm64 FILE -variant full -version VERSION -time SECONDS -to DIR
//	ship root -binary FILE -version VERSION -time SECONDS -to DIR
//
// The same binary, version and time make the same bytes. `make ship` builds the binary
// and calls it; the tests beside it build the small one without servers.
package main

// Where the console is: under a path of its host, perhaps. In scripts, as inside the
// server, addresses are as if it stood at the root; at makes them what a browser asks for.
const base = new URL('../..', import.meta.url).pathname.slice(0, -1); // this is BASE/static/HASH/site.js

export const at = (path) => base + path;

// within is the path of an address without the base.
export const within = (url) => new URL(url, location.href).pathname.slice(base.length);

// signIn leads to the sign-in, and from there to a page.
export const signIn = (next) => { location.href = at('/signin?next=') + encodeURIComponent(next); };

export const here = () => within(location.href) + location.search;

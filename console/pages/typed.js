// What a person has typed about someone is kept in this tab until it is sent, so that
// neither going on in the list nor the end of a session loses it.

const key = (id) => 'typed ' + id;
const fields = ['reason', 'note', 'why'];
const of = (p) => fields.map((id) => p.querySelector('#' + id)).filter(Boolean);

export function keepTyped(p) {
  const all = {};
  for (const f of of(p)) if (f.value) all[f.id] = f.value;
  if (Object.keys(all).length) sessionStorage.setItem(key(p.dataset.id), JSON.stringify(all)); else dropTyped(p.dataset.id);
}

export function restoreTyped(p) {
  let all = {};
  try { all = JSON.parse(sessionStorage.getItem(key(p.dataset.id))) || {}; } catch { /* as if nothing was */ }
  for (const f of of(p)) if (!f.value && all[f.id]) f.value = all[f.id];
}

export function dropTyped(id) { sessionStorage.removeItem(key(id)); }

// typed tells whether something is typed about the person shown.
export function typed(p) { return of(p).some((f) => f.value); }

// When someone signs out, what they typed goes with them.
export function forgetTyped() { for (const k of Object.keys(sessionStorage)) if (k.startsWith('typed ')) sessionStorage.removeItem(k); }

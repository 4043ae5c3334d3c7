// Single keys. They can be switched off and changed, and do nothing in fields.

import { at } from './site.js';

const defaults = { next: 'j', previous: 'k', select: 'x', approve: 'a', reject: 'r', undo: 'u', find: '/', go: 'g', help: '?' };
const store = 'usher-keys';

function kept() {
  let k = {};
  try { k = JSON.parse(localStorage.getItem(store)) || {}; } catch { /* as if there were none */ }
  const map = { ...defaults };
  for (const name in defaults) if (typeof k.map?.[name] === 'string' && [...k.map[name]].length === 1) map[name] = k.map[name];
  return { on: k.on !== false, map };
}

let now = kept();
const does = {}; // what a key does, by its name
let going = 0;   // until when the letter after g counts
let meant = false; // the key that is down was one of these, and is no letter for the field that it leads to

// on says what a key does. Page by page there are keys that do nothing.
export function on(name, f) { does[name] = f; }

function inField(e) {
  const t = e.target;
  return t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName) && !/^(checkbox|radio|button|submit)$/.test(t.type);
}

// showKeys writes the keys as they are into the page.
export function showKeys(root = document) {
  for (const e of root.querySelectorAll('[data-key]')) e.textContent = now.map[e.dataset.key];
  for (const e of root.querySelectorAll('.for-keys')) e.hidden = !now.on;
}

function pressed(e) {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
  if (inField(e)) {
    if (e.key === 'Escape') e.target.blur();
    return;
  }
  if (!now.on || document.querySelector('dialog[open]')) return;
  if (going > Date.now()) {
    going = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(e.key)}"]`);
    if (link) { e.preventDefault(); link.click(); return; }
  }
  const name = Object.keys(now.map).find((n) => now.map[n] === e.key);
  if (!name) return;
  if (name === 'go') { e.preventDefault(); going = Date.now() + 1500; return; }
  if (!does[name] || e.repeat && name !== 'next' && name !== 'previous') return;
  e.preventDefault();
  meant = true;
  does[name]();
}

export function keys() {
  on('help', () => document.getElementById('help')?.showModal());
  on('find', () => { const q = document.getElementById('q'); if (q) { q.focus(); q.select(); } else location.href = at('/users'); });
  document.addEventListener('keydown', (e) => { meant = false; pressed(e); });
  document.addEventListener('keypress', (e) => { if (meant) e.preventDefault(); });
  addEventListener('storage', (e) => { if (e.key === store) { now = kept(); showKeys(); } });
  showKeys();
  form();
  document.documentElement.dataset.keys = 'ready';
}

// form is the page where they are changed.
function form() {
  const f = document.getElementById('keys');
  if (!f) return;
  f.hidden = false;
  const fields = f.elements;
  const fill = () => { fields.on.checked = now.on; for (const n in defaults) fields[n].value = now.map[n]; };
  fill();
  const keep = (k, said) => { localStorage.setItem(store, JSON.stringify(k)); now = kept(); fill(); showKeys(); document.getElementById('told').textContent = said; };
  f.addEventListener('submit', (e) => {
    e.preventDefault();
    const map = {};
    for (const n in defaults) {
      map[n] = fields[n].value || defaults[n];
      const twice = Object.keys(map).find((o) => o !== n && map[o] === map[n]);
      fields[n].setCustomValidity(twice ? 'Another line has this key already.' : '');
    }
    if (f.reportValidity()) keep({ on: fields.on.checked, map }, 'Kept.');
  });
  f.addEventListener('input', () => { for (const n in defaults) fields[n].setCustomValidity(''); });
  f.addEventListener('focusin', (e) => { if (e.target.maxLength === 1) e.target.select(); }); // so that a letter takes its place
  f.addEventListener('reset', (e) => { e.preventDefault(); keep({ on: true, map: {} }, 'The keys are as they were at first.'); });
}

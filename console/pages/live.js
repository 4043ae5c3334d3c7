// What changes on the server is shown without a reload: counts and rows in their place.
// New rows wait until they are asked for, so that the list never jumps.
import { part, rowOf, seen } from './desk.js';
import { pick, picked } from './select.js';
import { tell } from './told.js';
import { at } from './site.js';

let source = null, last = document.documentElement.dataset.live;
const fresh = new Set(); // who belongs into the list and is not shown
let more = false;        // there are others, who were not named

export function live() {
  if (!last) return; // no one has signed in
  document.addEventListener('visibilitychange', () => document.hidden ? close() : open());
  addEventListener('pagehide', close);
  document.addEventListener('click', (e) => { if (e.target.closest('.new a')) { e.preventDefault(); again(); } });
  open();
}

function close() { source?.close(); source = null; }

function open() {
  if (source || document.hidden) return;
  const mine = source = new EventSource(at('/live?last=' + last));
  const heard = (name, f) => mine.addEventListener(name, (e) => { last = e.lastEventId || last; f(JSON.parse(e.data)); });
  heard('changed', changed);
  heard('resync', () => { counts(); imports(); bulk(); for (const li of document.querySelectorAll('#rows > li')) li.dataset.old = ''; });
  heard('signedout', () => { close(); tell('Your session has ended. Nothing that you typed is lost: sign in again when you go on.', true); });
  mine.onerror = () => { if (mine.readyState === EventSource.CLOSED && source === mine) { source = null; setTimeout(open, 10e3); } };
}

function changed(c) {
  number('count-waiting', c.waiting);
  number('count-letters', c.letters);
  if (c.imports) imports();
  if (c.bulk || c.users.length || c.more) bulk();
  const list = document.getElementById('list');
  if (!list) return;
  for (const user of c.users) {
    const row = rowOf(user.id);
    seen(user);
    if (!row && belongs(list, user)) fresh.add(user.id); else fresh.delete(user.id);
  }
  more ||= c.more;
  offer();
  if (c.users.length || c.more) counts();
}

// belongs tells whether someone is new in the list. A search only the server can judge.
function belongs(list, user) {
  const f = new URL(list.dataset.filter, location.href).searchParams;
  const is = (name, value) => !f.get(name) || f.get(name) === value;
  return !user.gone && !f.get('bulk') && user.since > Number(list.dataset.now) && !f.get('q') && (!f.get('age') || f.get('age') === '1h')
    && is('status', user.status) && is('inbox', user.inbox) && is('import', user.import) && is('by', user.by) && is('language', user.language || '-');
}

function offer() {
  const box = document.querySelector('.new');
  box.hidden = !fresh.size && !more;
  const text = fresh.size ? `${fresh.size}${more ? '+' : ''} new` : 'The list has changed: show it anew';
  if (!box.hidden && box.firstElementChild.textContent !== text) box.firstElementChild.textContent = text;
}

function number(id, n) {
  const e = document.getElementById(id), text = n.toLocaleString('en');
  if (e && e.textContent !== text) e.textContent = text;
}

// rarely runs f at once, and again after a while when it was asked for meanwhile.
function rarely(f, wait) {
  let asked = false, busy = false;
  return async function run() {
    if (busy) { asked = true; return; }
    busy = true;
    await f();
    setTimeout(() => { busy = false; if (asked) { asked = false; run(); } }, wait);
  };
}

// counts puts the numbers of the filters and of the whole list right.
const counts = rarely(async () => {
  const list = document.getElementById('list');
  if (!list) return;
  const doc = await part(list.dataset.filter, 'list', { quiet: true });
  if (!doc) return;
  const nav = document.querySelector('#facets nav'), focus = nav.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  nav.replaceWith(doc.querySelector('#facets nav'));
  if (focus) document.querySelector(`#facets a[href="${CSS.escape(focus)}"]`)?.focus();
  document.getElementById('total').textContent = doc.getElementById('total').textContent;
  for (const old of document.querySelectorAll('#rows > li[data-old]')) { // the page was away for longer than changes are kept
    delete old.dataset.old;
    const there = doc.querySelector(`#rows > li[data-id="${CSS.escape(old.dataset.id)}"]`), now = there || await person(old);
    more ||= !there;
    if (!now) continue;
    const half = there ? !!there.querySelector('.half') : now.dataset.half === 'true';
    if (now.dataset.status !== old.dataset.status || half !== !!old.querySelector('.half')) seen({ id: old.dataset.id, status: now.dataset.status, half });
  }
  offer();
}, 2000);

// person is one of the list who does not belong into it any more, as they stand now.
const person = async (li) => (await part(li.querySelector('a').href, 'pane', { quiet: true }))?.getElementById('pane');

// again reads the list anew, at the wish of the reader.
async function again() {
  const list = document.getElementById('list');
  const doc = await part(list.dataset.filter, 'list'), next = doc?.getElementById('list');
  if (!next) return;
  const id = document.getElementById('pane').dataset.id;
  fresh.clear();
  more = false;
  const ids = picked();
  list.replaceWith(next);
  pick(ids);
  const li = id && rowOf(id);
  if (li) { li.classList.add('here'); li.querySelector('a').setAttribute('aria-current', 'true'); }
  (li || document.querySelector('#rows > li'))?.querySelector('a').focus();
}

// imports are shown as they are now, unless someone is about to press a button there.
const imports = rarely(async () => {
  const box = document.getElementById('imports');
  if (!box || box.contains(document.activeElement)) return;
  const doc = await part(location.href, 'imports', { quiet: true }), next = doc?.getElementById('imports');
  if (next && !box.contains(document.activeElement)) box.replaceWith(next);
  const report = document.getElementById('report'), told = doc?.getElementById('report'); // comes with the end of an import
  if (report && told && !report.firstElementChild) report.replaceWith(told);
}, 1000);

// bulk is a decision about many, or their list, as it is now. Where the focus is, it stays.
const bulk = rarely(async () => {
  const box = document.getElementById('bulk');
  if (!box) return;
  const doc = await part(location.href, 'bulk', { quiet: true }), next = doc?.getElementById('bulk');
  if (!next) return;
  const at = box.contains(document.activeElement) ? (document.activeElement.form?.getAttribute('action') ?? document.activeElement.getAttribute('href')) : null;
  box.replaceWith(next);
  if (at) (next.querySelector(`form[action="${CSS.escape(at)}"] button, a[href="${CSS.escape(at)}"]`) || next).focus();
}, 1000);

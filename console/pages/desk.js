// The desk: going through the list, one person beside it, and deciding without a new
// page. The server confirms each decision before the next person is shown.
import { on, showKeys } from './keys.js';
import { keepTyped, restoreTyped, dropTyped, typed } from './typed.js';
import { tell } from './told.js';
import { here as page, signIn } from './site.js';
import { update } from './select.js';
import { holdBack } from './undo.js';

const wide = matchMedia('(min-width: 64rem)');
const pane = () => document.getElementById('pane');
const rows = () => [...document.querySelectorAll('#rows > li')];
export const rowOf = (id) => rows().find((li) => li.dataset.id === id);
const link = (li) => li.querySelector('a');
const beside = () => wide.matches || document.querySelector('main.one') !== null;

let loading = null; // of the person that is about to be shown

export function desk() {
  if (!document.getElementById('list')) return;
  on('next', () => step(1));
  on('previous', () => step(-1));
  on('approve', () => form('approve')?.requestSubmit());
  on('reject', () => form('reject')?.elements.reason.focus());
  document.addEventListener('click', clicked);
  document.addEventListener('submit', submitted);
  document.addEventListener('input', (e) => { if (pane().contains(e.target)) keepTyped(pane()); });
  addEventListener('popstate', () => location.reload());
  prepare();
}

// prepare makes ready what is in the pane.
function prepare() {
  const p = pane();
  showKeys(p);
  restoreTyped(p);
  for (const chips of p.querySelectorAll('.chips')) chips.hidden = false;
}

// form is the form of the person shown, unless another one is on the way.
function form(name) {
  if (loading) { tell('Still loading.'); return null; }
  const f = pane().querySelector(`form.${name}`);
  if (!f) tell(pane().dataset.id ? 'This person is decided about already.' : 'Choose a person first.');
  return f;
}

function here() {
  const list = rows();
  const focused = list.findIndex((li) => li.contains(document.activeElement));
  return focused >= 0 ? focused : list.findIndex((li) => li.classList.contains('here'));
}

export const hereOrFocused = () => rows()[here()];

async function step(by) {
  const at = here() + by;
  if (at >= rows().length && !await another()) { tell('This is the end of the list.'); return; }
  const li = rows()[at];
  if (li) goTo(li);
}

function goTo(li) {
  link(li).focus();
  link(li).scrollIntoView({ block: 'nearest' });
  if (beside()) show(li);
}

// another puts the next page below this one.
async function another() {
  const more = document.getElementById('more');
  if (!more) return false;
  const doc = await part(more.href, 'list');
  const next = doc?.querySelectorAll('#rows > li');
  if (!next?.length) return false;
  const known = new Set(rows().map((li) => li.dataset.id));
  document.getElementById('rows').append(...[...next].filter((li) => !known.has(li.dataset.id)));
  document.querySelector('.pages').replaceWith(doc.querySelector('.pages'));
  update();
  return true;
}

// part fetches a part of a page. When the session is over it leads to the sign-in, and
// back here, unless it was no one's wish: then it is quiet.
export async function part(url, name, { signal, quiet = false } = {}) {
  try {
    const r = await fetch(url, { headers: { 'Usher-Part': name }, signal });
    if (quiet && !r.ok) return null;
    if (r.status === 401) { signIn(page()); return null; }
    if (!r.ok) { tell('This cannot be shown now; try again in a moment.'); return null; }
    return new DOMParser().parseFromString(await r.text(), 'text/html');
  } catch (e) {
    if (!quiet && e.name !== 'AbortError') tell('The console cannot be reached; try again in a moment.');
    return null;
  }
}

// show puts a person beside the list.
export async function show(li, { push = false, focus = false } = {}) {
  loading?.abort();
  const mine = loading = new AbortController();
  pane().setAttribute('aria-busy', 'true');
  mark(li);
  const doc = await part(link(li).href, 'pane', { signal: mine.signal });
  if (mine !== loading) return;
  loading = null;
  const fresh = doc?.getElementById('pane');
  if (!fresh) { pane().removeAttribute('aria-busy'); return; }
  pane().replaceWith(fresh);
  fresh.scrollTop = 0;
  document.querySelector('main').classList.add('one');
  history[push ? 'pushState' : 'replaceState'](null, '', link(li).href);
  document.title = 'User ' + fresh.dataset.id + ' · usher';
  prepare();
  if (focus) fresh.focus();
}

function mark(li) {
  for (const other of rows()) {
    other.classList.toggle('here', other === li);
    if (other === li) link(other).setAttribute('aria-current', 'true'); else link(other).removeAttribute('aria-current');
  }
}

function clicked(e) {
  const chip = e.target.closest('[data-reason]');
  if (chip) {
    const f = chip.closest('form');
    f.elements.reason.value = chip.dataset.reason;
    keepTyped(pane());
    f.querySelector('button.bad').focus();
    return;
  }
  const li = e.target.closest('#rows > li');
  if (!li || e.target.closest('form, .pick') || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || !beside()) return;
  e.preventDefault();
  show(li, { push: true, focus: e.detail === 0 }); // by the key Enter there is no click to count
}

async function submitted(e) {
  const f = e.target, p = pane();
  if (!p.contains(f)) return;
  if (!f.matches('.approve, .reject')) { dropTyped(p.dataset.id); return; }
  e.preventDefault();
  if (f.dataset.sent || loading) return; // one at a time
  f.dataset.sent = 'yes';
  const id = p.dataset.id, buttons = p.querySelectorAll('.decide button');
  for (const b of buttons) b.setAttribute('aria-busy', 'true');
  let r, answer;
  try {
    r = await fetch(f.action, { method: 'POST', headers: { Accept: 'application/json' }, body: new URLSearchParams(new FormData(f)) });
    answer = await r.json();
  } catch { /* said below */ }
  delete f.dataset.sent;
  for (const b of buttons) b.removeAttribute('aria-busy');
  if (r?.status === 401) { HTMLFormElement.prototype.submit.call(f); return; } // the sign-in keeps what it has
  if (r?.status === 400) { tell(answer?.error || 'This was not taken.'); return; }
  if (!answer?.result) { tell('It is not known whether this was stored. Nothing that you typed is lost: send it again, it counts once.'); return; }
  dropTyped(id);
  await decided(id, answer, f.elements.decision.value);
}

// decided shows what became of a decision, and goes on when it was confirmed.
async function decided(id, answer, verb) {
  const li = rowOf(id);
  if (li && answer.status) markStatus(li, answer.status);
  const who = li?.querySelector('.who').textContent || id;
  if (answer.result === 'pending') holdBack(li, id, answer, verb);
  else if (answer.result === 'half') { if (li) markHalf(li, true); } // it is another person's turn
  else if (answer.result !== 'applied') {
    if (li) await show(li, { focus: true }); else location.reload();
    tell(`${who}: ${answer.message}`, true);
    return;
  }
  const list = rows(), at = list.indexOf(li);
  let next = list.slice(at + 1).find(open);
  if (!next && await another()) next = rows().slice(list.length).find(open);
  next ||= rows().find(open);
  if (next) goTo(next); else if (li) { await show(li, { focus: true }); }
  tell(`${who}: ${answer.message}` + (next ? '' : ' No one is left in this list.'));
}

const open = (li) => 'open' in li.dataset;

// markStatus shows a row's new status and leaves it in its place.
export function markStatus(li, status, by) {
  li.dataset.status = status;
  const decidable = ['', 'parked', 'waiting'].includes(status);
  if (decidable) li.dataset.open = ''; else delete li.dataset.open;
  li.classList.toggle('done', !decidable);
  const box = li.querySelector('.pick input');
  if (box && box.disabled === decidable) { box.disabled = !decidable; box.checked = false; update(); }
  const s = li.querySelector('.status');
  s.className = 'status ' + status;
  s.textContent = status.replaceAll('_', ' ') || 'importing';
  if (by) s.title = 'by ' + by;
}

// markHalf shows that one of two has decided, or takes that away.
export function markHalf(li, half) {
  const mark = li.querySelector('.half');
  if (half && !mark) {
    const s = document.createElement('span');
    s.className = 'half';
    s.textContent = 'half';
    s.title = 'one of two has decided';
    li.querySelector('.status').after(' ', s);
  } else if (!half && mark) mark.remove();
}

// seen takes how a person stands now, as the server has told it. What they are busy with
// is not taken from under their hands.
export async function seen(user) {
  const li = rowOf(user.id), p = pane();
  const held = li?.querySelector('form.undo') && ['', 'parked', 'waiting'].includes(user.status); // decided, and not in effect yet
  if (li && !held && li.dataset.status !== user.status) markStatus(li, user.status, user.by);
  if (li && !held) markHalf(li, user.half);
  if (p.dataset.id !== user.id || p.dataset.status === user.status && p.dataset.half === String(!!user.half) || loading) return;
  if (p.querySelector('[data-sent]')) return; // one's own decision is on its way
  if (typed(p) || p.querySelector('form')?.contains(document.activeElement)) {
    if (p.querySelector('.meanwhile')) return;
    const note = document.createElement('p');
    note.className = 'note meanwhile';
    note.setAttribute('role', 'status');
    note.textContent = `Meanwhile this person is ${user.status.replaceAll('_', ' ')}` + (user.by ? `, decided by ${user.by}.` : user.half ? ', and one of two has decided.' : '.');
    p.querySelector('#who').after(note);
    return;
  }
  const doc = await part(location.href, 'pane', { quiet: true }), fresh = doc?.getElementById('pane');
  if (!fresh || loading || pane() !== p || typed(p)) return;
  const focused = p.contains(document.activeElement), top = p.scrollTop;
  p.replaceWith(fresh);
  fresh.scrollTop = top;
  prepare();
  if (focused) fresh.focus();
}

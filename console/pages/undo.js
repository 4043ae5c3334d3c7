// Undo: a decision takes effect after a while and can be taken back until then, by the
// key wherever the focus is, and by the buttons in the row and on the pages.
import { on } from './keys.js';
import { rowOf, markStatus, show } from './desk.js';
import { tell } from './told.js';
import { at, signIn, within } from './site.js';

const store = 'usher-decided'; // by this tab: ids, events and until when, the newest last

function mine() {
  let all = [];
  try { all = JSON.parse(sessionStorage.getItem(store)) || []; } catch { /* as if there were none */ }
  return all.filter((d) => d.until > Date.now());
}

const keep = (all) => sessionStorage.setItem(store, JSON.stringify(all));

export function undo() {
  on('undo', () => {
    const newest = mine().at(-1);
    if (newest) takeBack(newest.id, newest.event); else tell('Nothing that was decided in this tab can be undone any more.');
  });
  document.addEventListener('submit', (e) => {
    const f = e.target;
    if (!f.matches('form.undo') || !rowOf(idOf(f))) return; // elsewhere the form is a form
    e.preventDefault();
    takeBack(idOf(f), f.elements.undoes.value);
  });
  setInterval(ends, 500);
}

const idOf = (f) => decodeURIComponent(within(f.action).split('/')[2]);

// ends takes away what cannot be undone any more.
function ends() {
  for (const f of document.querySelectorAll('form.undo[data-until]')) {
    if (Number(f.dataset.until) > Date.now()) continue;
    const li = f.closest('#rows > li');
    if (li) markStatus(li, f.dataset.verb);
    const focused = f.contains(document.activeElement);
    f.remove();
    if (focused) li?.querySelector('a').focus();
  }
}

// holdBack marks a row whose decision can be undone.
export function holdBack(li, id, answer, verb) {
  const until = Date.now() + 1000 * (answer.undo_seconds || 0);
  keep([...mine(), { id, event: answer.event_id, until }]);
  if (!li) return;
  markStatus(li, verb);
  li.querySelector('form.undo')?.remove();
  const f = document.createElement('form');
  f.className = 'undo';
  f.method = 'post';
  f.action = at(`/users/${encodeURIComponent(id)}/undo${location.search}`);
  f.dataset.until = until;
  f.dataset.verb = verb;
  const field = Object.assign(document.createElement('input'), { type: 'hidden', name: 'undoes', value: answer.event_id });
  const button = Object.assign(document.createElement('button'), { textContent: 'Undo' });
  button.setAttribute('aria-label', `Undo that ${li.querySelector('.who').textContent} is ${verb}`);
  f.append(field, button);
  li.append(f);
}

async function takeBack(id, event) {
  const li = rowOf(id);
  let r, answer;
  try {
    r = await fetch(at(`/users/${encodeURIComponent(id)}/undo`), { method: 'POST', headers: { Accept: 'application/json' }, body: new URLSearchParams({ undoes: event }) });
    answer = await r.json();
  } catch { /* said below */ }
  if (r?.status === 401) { signIn('/decisions'); return; }
  if (!answer?.result) { tell(answer?.error || 'It is not known whether this was undone. Press it again: it counts once.'); return; }
  if (answer.result !== 'stored') keep(mine().filter((d) => d.event !== event));
  const who = li?.querySelector('.who').textContent || id;
  tell(`${who}: ${answer.message}`, answer.result !== 'undone');
  if (!li || answer.result === 'stored') return;
  li.querySelector('form.undo')?.remove();
  markStatus(li, answer.status || 'waiting');
  if (document.getElementById('pane').dataset.id === id) await show(li);
}

// Selecting people in the list, to decide about them together. Without scripts the
// boxes and the buttons of the form do the same.
import { on } from './keys.js';
import { tell } from './told.js';
import { hereOrFocused } from './desk.js';

const boxes = () => [...document.querySelectorAll('#rows .pick input:not(:disabled)')];

export function select() {
  on('select', () => {
    const li = hereOrFocused(), box = li?.querySelector('.pick input:not(:disabled)');
    if (!box) { tell(li ? 'This person is decided about already.' : 'Choose a person first.'); return; }
    box.checked = !box.checked;
    update(true);
  });
  document.addEventListener('change', (e) => {
    if (e.target.id === 'pick-all') for (const b of boxes()) b.checked = e.target.checked;
    if (e.target.closest('.pick, .pick-all')) update(true);
  });
  addEventListener('pageshow', () => update()); // the browser may have kept boxes as they were
  update();
}

// picked are the ids that are selected; pick selects them again in a list that was read
// anew.
export const picked = () => boxes().filter((b) => b.checked).map((b) => b.value);
export function pick(ids) {
  const chosen = new Set(ids);
  for (const b of boxes()) b.checked = chosen.has(b.value);
  update();
}

export function update(say) {
  const form = document.getElementById('bulk-choose');
  if (!form) return;
  const all = boxes(), n = all.filter((b) => b.checked).length, button = form.querySelector('[value=selected]');
  button.textContent = n ? `Decide about ${n} selected…` : 'Decide about the selected…';
  button.classList.toggle('good', n > 0);
  form.querySelector('.pick-all').hidden = !all.length;
  const every = form.querySelector('#pick-all');
  every.checked = n > 0 && n === all.length;
  every.indeterminate = n > 0 && n < all.length;
  if (say) tell(n === 1 ? '1 person is selected.' : `${n} people are selected.`);
}

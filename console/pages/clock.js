// Times: the server writes them in the reader's zone, which only the browser knows.
import { at } from './site.js';

export function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  const known = document.cookie.split('; ').includes('usher_zone=' + name);
  if (!known) document.cookie = `usher_zone=${name};path=${at('/')};max-age=31536000;samesite=lax`;
  // The first page of a reader who is signed in already is read once more.
  if (!known && document.cookie.includes('usher_zone=' + name) && document.querySelector('time') && document.documentElement.dataset.zone !== name) location.reload();
}

// ago says how long ago a time is, in the words of the server.
export function ago(at, now = Date.now()) {
  const past = now - at, d = Math.abs(past);
  if (d < 60e3) return past < 0 ? 'in a moment' : 'just now';
  const text = d < 3600e3 ? `${Math.floor(d / 60e3)} min` : d < 48 * 3600e3 ? `${Math.floor(d / 3600e3)} h` : `${Math.floor(d / 86400e3)} days`;
  return past < 0 ? 'in ' + text : text + ' ago';
}

export function keepTimes() {
  setInterval(() => {
    for (const e of document.querySelectorAll('.ago[data-at]')) {
      const text = ago(Date.parse(e.dataset.at));
      if (e.textContent !== text) e.textContent = text;
    }
  }, 20e3);
}

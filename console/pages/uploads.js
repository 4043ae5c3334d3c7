// Bringing files: by button or by drop anywhere on the page, with progress. Without
// scripts the form does the same.
import { tell } from './told.js';
import { at, signIn } from './site.js';

export function uploads() {
  for (const e of document.querySelectorAll('.with-scripts')) e.hidden = false;
  watch();
  const form = document.getElementById('upload');
  if (!form) return;
  form.addEventListener('submit', (e) => { e.preventDefault(); send(form, [...form.elements.file.files], e.submitter?.value || 'import'); });
  const files = (e) => [...e.dataTransfer?.types ?? []].includes('Files');
  let over = 0; // a drag enters a child before it leaves its parent
  document.addEventListener('dragenter', (e) => { if (files(e)) { over++; form.classList.add('over'); } });
  document.addEventListener('dragleave', (e) => { if (files(e) && --over <= 0) form.classList.remove('over'); });
  document.addEventListener('dragover', (e) => { if (files(e)) e.preventDefault(); });
  document.addEventListener('drop', (e) => {
    over = 0;
    form.classList.remove('over');
    if (!files(e)) return;
    e.preventDefault();
    if ([...e.dataTransfer.items].some((i) => i.webkitGetAsEntry?.()?.isDirectory)) { tell('This is a folder: open it, and drop the files in it.', true); return; }
    send(form, [...e.dataTransfer.files], 'import');
  });
}

let sending = null; // the request of the file that is being sent

// send brings files one after the other, and goes to the page of the last one.
async function send(form, files, what) {
  if (!files.length || sending) return;
  const box = document.getElementById('sending'), buttons = form.querySelectorAll('button[name=do]');
  const stop = () => sending?.abort();
  document.getElementById('stop-sending').addEventListener('click', stop);
  box.hidden = false;
  for (const b of buttons) b.disabled = true;
  let to = null, failed = false;
  for (const [n, file] of files.entries()) {
    document.getElementById('sent-what').textContent = files.length > 1 ? `Uploading ${n + 1} of ${files.length}: ${file.name}` : `Uploading ${file.name}`;
    const answer = await sendOne(form.action, form.elements.inbox.value, file, what);
    if (answer.error) { tell(files.length > 1 ? `${file.name}: ${answer.error}` : answer.error, true); failed = true; break; }
    to = answer.location;
  }
  document.getElementById('stop-sending').removeEventListener('click', stop);
  box.hidden = true;
  for (const b of buttons) b.disabled = false;
  if (!failed) location.href = files.length > 1 ? at('/imports') : to;
}

function sendOne(url, inbox, file, what) {
  const bar = document.getElementById('sent'), much = document.getElementById('sent-much'), began = performance.now();
  const body = new FormData();
  body.append('inbox', inbox);
  body.append('do', what);
  body.append('file', file);
  return new Promise((done) => {
    const r = sending = new XMLHttpRequest(); // fetch does not tell how much is sent
    const end = (answer) => { sending = null; done(answer); };
    r.open('POST', url);
    r.setRequestHeader('Accept', 'application/json');
    r.responseType = 'json';
    r.upload.addEventListener('progress', (e) => {
      if (!e.total) return;
      const part = e.loaded / e.total, left = Math.round((performance.now() - began) / part * (1 - part) / 1000);
      bar.value = 100 * part;
      much.textContent = `${Math.floor(100 * part)} %` + (left > 1 ? `, ${left} s left` : '');
    });
    r.addEventListener('load', () => {
      if (r.status === 401) { signIn('/imports'); return; }
      const answer = r.response ?? {};
      end(r.status === 200 && answer.location ? answer : { error: answer.error ? answer.error[0].toUpperCase() + answer.error.slice(1) + '.' : 'The upload did not work; try again in a moment.' });
    });
    r.addEventListener('error', () => end({ error: 'The upload broke off; nothing of it was kept. Send it again.' }));
    r.addEventListener('abort', () => end({ error: 'The upload was stopped; nothing of it was kept.' }));
    r.send(body);
  });
}

// watch shows how far what is done with an upload is, until a person is needed.
async function watch() {
  const box = document.getElementById('one-upload');
  if (!box || !('busy' in box.dataset)) return;
  setTimeout(async () => {
    const r = await fetch(location.href, { headers: { 'Usher-Part': 'upload' } }).catch(() => null);
    if (r?.redirected) { location.replace(r.url); return; }
    const next = r?.ok && new DOMParser().parseFromString(await r.text(), 'text/html').getElementById('one-upload');
    if (next) box.replaceWith(next);
    watch();
  }, 700);
}

// One place where the page says what happened.
let timer;

export function tell(text, stay = false) {
  const e = document.getElementById('told');
  e.textContent = text;
  clearTimeout(timer);
  if (!stay) timer = setTimeout(() => { e.textContent = ''; }, 8000);
}

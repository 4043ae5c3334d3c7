// What every page has. Without any of it the pages work by links and forms.
import { zone, keepTimes } from './clock.js';
import { keys } from './keys.js';
import { desk } from './desk.js';
import { select } from './select.js';
import { undo } from './undo.js';
import { live } from './live.js';
import { uploads } from './uploads.js';
import { forgetTyped } from './typed.js';
import { at } from './site.js';

zone();
keepTimes();
keys();
desk();
select();
undo();
live();
uploads();
document.querySelector(`form[action="${at('/signout')}"]`)?.addEventListener('submit', forgetTyped);

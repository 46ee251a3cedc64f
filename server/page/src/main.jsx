import { render } from 'preact';
import { App } from './app.jsx';
import { keepUnfinished, refreshList, show } from './chat.js';
import { check } from './server.js';
import { copyText } from './text.js';
import { applyTheme } from './theme.js';
import { view } from './view.js';

// The buttons on blocks of code stand in HTML that was made from an answer.
document.addEventListener('click', async ({ target }) => {
  if (!(target instanceof HTMLElement) || !target.matches('button.copy')) return;
  await copyText(target.closest('.code').querySelector('code').textContent);
  target.textContent = 'Copied';
  setTimeout(() => (target.textContent = 'Copy'), 1500);
});

function route() {
  view.value = location.hash === '#/engine' ? 'engine' : 'chat';
  if (view.value === 'chat') show(/^#\/chat\/(\w+)$/.exec(location.hash)?.[1]);
}

applyTheme();
addEventListener('hashchange', route);
addEventListener('pagehide', keepUnfinished);
render(<App />, document.getElementById('app'));
check();
refreshList();
route();

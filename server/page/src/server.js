// What the page knows of its server: whether it is there, which model it serves, and that model's defaults.
import { computed, signal } from '@preact/signals';
import { ApiError, ask, call, isGone } from './api.js';

const kRetryMs = 1000;

// state: connecting, loading (with progress), ready, gone, locked (a key is asked for).
export const server = signal({ state: 'connecting', progress: 0 });
export const model = signal({ id: '', max_model_len: 0 });
export const defaults = signal({});
export const isReady = computed(() => server.value.state === 'ready');

let timer = 0;

function later() {
  clearTimeout(timer);
  timer = setTimeout(check, kRetryMs);
}

async function read() {
  const [models, capabilities] = await Promise.all([call('/v1/models'), call('/v1/capabilities')]);
  model.value = models.data[0];
  defaults.value = capabilities.sampling_defaults ?? {};
  server.value = { state: 'ready', progress: 1 };
}

async function explain(error) {
  if (error instanceof ApiError && error.status === 401) {
    server.value = { state: 'locked', progress: 1, wrong: error.code === 'invalid_api_key' };
    return;
  }
  later();
  if (isGone(error)) {
    server.value = { state: 'gone', progress: 0 };
  } else if (error.code === 'model_loading') {
    server.value = { state: 'loading', progress: (await ask('/health').catch(() => ({}))).progress ?? 0 };
  } else {
    server.value = { state: 'gone', progress: 0, message: error.message };
  }
}

// Asks the server how it is, and goes on asking until it is ready or wants a key.
export async function check() {
  clearTimeout(timer);
  try {
    await read();
  } catch (error) {
    await explain(error);
  }
}

// A request failed with `error`: whether that says something of the server as a whole.
export function noteFailure(error) {
  if (isGone(error) || error.status === 401 || error.code === 'model_loading') explain(error);
}

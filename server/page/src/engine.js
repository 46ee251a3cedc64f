// What GET /debug/engine says, kept while somebody looks at it.
import { signal } from '@preact/signals';
import { stream } from './api.js';
import { noteFailure } from './server.js';

const kRetryMs = 1000;
const kMaxSteps = 120;
const kShowEvictions = 4; // events long

export const picture = signal(null); // the last event
export const steps = signal([]); // the last ones, oldest first
export const evicted = signal([]); // cells of the map whose blocks were given to others, in the last events
export const rates = signal({}); // tokens and watts between the last two events
export const fault = signal('');

function difference(before, now, seconds, ...path) {
  const at = (event) => path.reduce((value, name) => value[name], event);
  return (at(now) - at(before)) / seconds;
}

let evictions = []; // of the last events
let last = 0; // when the last event came, by the page's clock

function take(event) {
  const now = performance.now();
  const before = picture.value;
  if (before && event.steps >= before.steps) {
    const seconds = (now - last) / 1000;
    const energy = ['busy_joules', 'idle_joules'].map((name) => difference(before, event, seconds, 'energy', name));
    rates.value = { tokens: difference(before, event, seconds, 'generated_tokens'), watts: energy[0] + energy[1] };
  }
  last = now;
  fault.value = '';
  evictions = [...evictions, event.blocks.evicted].slice(-kShowEvictions);
  evicted.value = [...new Set(evictions.flat())];
  picture.value = event;
  if (event.recent_steps.length) steps.value = [...steps.value, ...event.recent_steps].slice(-kMaxSteps);
}

async function follow(abort) {
  while (!abort.aborted) {
    try {
      picture.value = null;
      steps.value = [];
      evictions = [];
      await stream('/debug/engine', { abort, onEvent: take });
    } catch (error) {
      if (error.name === 'AbortError') return;
      fault.value = error.message;
      noteFailure(error);
    }
    await new Promise((resolve) => setTimeout(resolve, kRetryMs));
  }
}

// Looks until the returned function is called; not while the tab is hidden, so that the engine makes no pictures for nobody.
export function look() {
  let controller;
  const change = () => {
    controller?.abort();
    controller = undefined;
    if (document.hidden) return;
    controller = new AbortController();
    follow(controller.signal);
  };
  document.addEventListener('visibilitychange', change);
  change();
  return () => {
    document.removeEventListener('visibilitychange', change);
    controller?.abort();
  };
}

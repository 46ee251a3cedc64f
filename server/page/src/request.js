// From a path through a conversation and its settings to a body of /v1/chat/completions.
import { toolSpecs } from './tools.js';

export const kNumbers = [
  { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05, hint: '0 always takes the likeliest token' },
  { name: 'top_p', label: 'Top p', min: 0, max: 1, step: 0.01, hint: 'from the likeliest tokens that make up this share' },
  { name: 'top_k', label: 'Top k', min: -1, max: 1000000, step: 1, hint: 'from so many tokens; 0: all' },
  { name: 'min_p', label: 'Min p', min: 0, max: 1, step: 0.01, hint: 'at least this share of the likeliest' },
  { name: 'repetition_penalty', label: 'Repetition penalty', min: 0.01, max: 10, step: 0.01, hint: '1: none' },
  { name: 'frequency_penalty', label: 'Frequency penalty', min: -2, max: 2, step: 0.05, hint: 'for each time a token was written' },
  { name: 'presence_penalty', label: 'Presence penalty', min: -2, max: 2, step: 0.05, hint: 'once a token was written' },
  { name: 'max_tokens', label: 'Longest answer', min: 1, max: 16777216, step: 1, hint: 'tokens', unset: 'all the room there is' },
  { name: 'seed', label: 'Seed', min: 0, max: 2 ** 53 - 1, step: 1, hint: 'the same seed, the same answer', unset: 'by chance' },
];

// As OpenAI has them, where neither the server nor its model says otherwise.
export const kOpenAiDefaults = { frequency_penalty: 0, presence_penalty: 0 };

const fenceFor = (text) => '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));

function withAttachments({ content, attachments = [] }) {
  const files = attachments.map(({ name, text }) => `${name}:\n${fenceFor(text)}\n${text}\n${fenceFor(text)}\n`);
  return [...files, content].join('\n');
}

function wireMessage(message) {
  if (message.role === 'tool') return { role: 'tool', tool_call_id: message.callId, content: message.content };
  if (message.role === 'user') return { role: 'user', content: withAttachments(message) };
  const calls = (message.calls ?? []).map(({ id, name, arguments: text }) => ({
    id, type: 'function', function: { name, arguments: text },
  }));
  return { role: 'assistant', content: message.content, ...(calls.length ? { tool_calls: calls } : {}) };
}

export function wireMessages(path, settings) {
  const system = settings.system?.trim() ? [{ role: 'system', content: settings.system }] : [];
  // An answer that failed before its first word says nothing.
  const told = path.filter((m) => m.role !== 'assistant' || m.content || m.calls?.length);
  return [...system, ...told.map(wireMessage)];
}

function sampling(settings) {
  const set = kNumbers.filter(({ name }) => Number.isFinite(settings[name]));
  const stop = (settings.stop ?? '').split('\n').filter(Boolean);
  return { ...Object.fromEntries(set.map(({ name }) => [name, settings[name]])), ...(stop.length ? { stop } : {}) };
}

export function requestBody(path, settings, goesOn) {
  return {
    messages: wireMessages(path, settings),
    ...sampling(settings),
    ...(settings.tools && !goesOn ? { tools: toolSpecs() } : {}),
    ...(settings.schemaOn && settings.schema
      ? { response_format: { type: 'json_schema',
          json_schema: { name: 'answer', schema: JSON.parse(settings.schema), strict: true } } }
      : {}),
    ...(settings.logprobs ? { logprobs: true, top_logprobs: 5 } : {}),
    ...(goesOn ? { add_generation_prompt: false, continue_final_message: true } : {}),
    stream: true,
    stream_options: { include_usage: true },
    include_energy: true,
  };
}

// Ollama's client as people use it. OLLAMA_HOST says where.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ollama } from 'ollama';

const headers = { Authorization: `Bearer ${process.env.OPENAI_API_KEY}` };
const client = new Ollama({ host: process.env.OLLAMA_HOST, headers });
const model = 'puna-demo';
const messages = [{ role: 'user', content: 'What is the capital of France?' }];
const options = { temperature: 0, num_predict: 64 };
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Gives the weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

test('chats, streamed and not', async () => {
  const whole = await client.chat({ model, messages, options });
  assert.match(whole.message.content, /Paris/);
  assert.equal(whole.done_reason, 'stop');
  assert.ok(whole.eval_count > 0 && whole.eval_duration > 0 && whole.total_duration >= whole.eval_duration);
  let text = '';
  let last;
  for await (const part of await client.chat({ model, messages, options, stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.equal(last.prompt_eval_count, whole.prompt_eval_count);
});

test('calls a tool and takes its result', async () => {
  const asked = [{ role: 'user', content: 'What is the weather in Paris?' }];
  const first = await client.chat({ model, messages: asked, tools: [weather], options });
  const call = first.message.tool_calls[0];
  assert.match(call.function.arguments.city, /Paris/);
  const calls = [];
  for await (const part of await client.chat({ model, messages: asked, tools: [weather], options, stream: true }))
    calls.push(...(part.message.tool_calls ?? []));
  assert.deepEqual(calls.map((c) => c.function.arguments), [call.function.arguments]);
  const next = await client.chat({
    model, tools: [weather], options,
    messages: [...asked, first.message, { role: 'tool', tool_name: 'get_weather', content: 'sunny, 20 degrees' }],
  });
  assert.equal(next.done_reason, 'stop');
});

test('keeps to a schema', async () => {
  const digit = { type: 'integer', minimum: 0, maximum: 9 };
  const format = { type: 'object', properties: { n: digit }, required: ['n'], additionalProperties: false };
  const reply = await client.chat({ model, messages, format, options: { ...options, temperature: 1.5, seed: 3 } });
  const { n } = JSON.parse(reply.message.content);
  assert.ok(Number.isInteger(n) && n >= 0 && n <= 9);
});

test('generates, plain, raw and nothing', async () => {
  const plain = await client.generate({ model, prompt: messages[0].content, system: 'Be short.', options });
  assert.ok(plain.response.length > 0);
  const cut = await client.generate({ model, prompt: 'The capital of', raw: true, options: { num_predict: 3 } });
  assert.equal(cut.done_reason, 'length');
  assert.equal((await client.generate({ model, prompt: '' })).done_reason, 'load');
  assert.equal((await client.generate({ model, prompt: '', keep_alive: 0 })).done_reason, 'unload');
});

test('embeds', async () => {
  const { embeddings } = await client.embed({ model, input: ['a', 'b'] });
  assert.equal(embeddings.length, 2);
  assert.equal((await client.embeddings({ model, prompt: 'a' })).embedding.length, embeddings[0].length);
});

test('lists and shows', async () => {
  const { models } = await client.list();
  assert.deepEqual(models.map((entry) => entry.model), [`${model}:latest`]);
  assert.match(models[0].digest, /^[0-9a-f]{64}$/);
  assert.equal((await client.ps()).models[0].size_vram, 0);
  const shown = await client.show({ model: models[0].model });
  assert.equal(shown.model_info['llama.context_length'], 4096);
  assert.ok(shown.capabilities.includes('tools'));
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);
});

test('pulls what is there, and says what it does not do', async () => {
  assert.equal((await client.pull({ model })).status, 'success');
  const states = [];
  for await (const part of await client.pull({ model, stream: true })) states.push(part.status);
  assert.equal(states.at(-1), 'success');
  await assert.rejects(client.pull({ model: 'hf.co/org/other' }), /not found/);
  await assert.rejects(client.delete({ model }), /operator/);
  await assert.rejects(client.copy({ source: model, destination: 'mine' }), /not supported/);
});

test('errors are texts', async () => {
  await assert.rejects(client.chat({ model: 'other', messages }), /model 'other' not found/);
  await assert.rejects(client.chat({ model, messages, think: true }), /does not support thinking/);
  await assert.rejects(client.chat({ model, messages, options: { temperature: 'hot' } }), /temperature/);
});

test('leaves in the middle, and the next one is served', async () => {
  const stream = await client.chat({ model, messages, options: { num_predict: 3000 }, stream: true });
  for await (const part of stream) if (part.message.content) break;
  stream.abort();
  assert.equal((await client.chat({ model, messages, options })).done, true);
});

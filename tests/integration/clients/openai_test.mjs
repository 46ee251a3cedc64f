// OpenAI's client as people use it. OPENAI_BASE_URL and OPENAI_API_KEY say where.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const client = new OpenAI({ maxRetries: 0 });
const model = 'puna-demo';
const ask = (text) => [{ role: 'user', content: text }];
const question = ask('What is the capital of France?');

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Gives the weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

test('lists and retrieves the model', async () => {
  const ids = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  assert.deepEqual(ids, [model]);
  assert.equal((await client.models.retrieve(model)).id, model);
});

test('answers', async () => {
  const { data, response } = await client.chat.completions
    .create({ model, messages: question, temperature: 0 })
    .withResponse();
  assert.match(data.choices[0].message.content, /Paris/);
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.match(response.headers.get('x-request-id'), /^req_/);
  assert.equal(data._request_id, response.headers.get('x-request-id'));
});

test('streams, with usage at the end', async () => {
  const stream = await client.chat.completions.create({
    model, messages: question, temperature: 0, stream: true, stream_options: { include_usage: true },
  });
  let text = '';
  let usage;
  let chunks = 0;
  for await (const chunk of stream) {
    chunks += 1;
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.match(text, /Paris/);
  assert.ok(chunks > 3);
  assert.ok(usage.completion_tokens > 0);
});

test('streams through the helper', async () => {
  const deltas = [];
  const stream = client.chat.completions.stream({ model, messages: question, temperature: 0 });
  stream.on('content', (delta) => deltas.push(delta));
  const final = await stream.finalChatCompletion();
  assert.equal(deltas.join(''), final.choices[0].message.content);
});

test('gives several choices and log-probabilities', async () => {
  const completion = await client.chat.completions.create({
    model, messages: question, n: 2, seed: 1, max_completion_tokens: 4, logprobs: true, top_logprobs: 2,
  });
  assert.equal(completion.choices.length, 2);
  for (const choice of completion.choices) {
    const bytes = choice.logprobs.content.flatMap((entry) => entry.bytes);
    assert.equal(Buffer.from(bytes).toString(), choice.message.content);
    assert.equal(choice.logprobs.content[0].top_logprobs.length, 2);
  }
});

test('calls a tool, streamed and not', async () => {
  const body = { model, messages: ask('What is the weather in Paris?'), tools: [weather], temperature: 0 };
  const whole = await client.chat.completions.create(body);
  const call = whole.choices[0].message.tool_calls[0];
  assert.equal(whole.choices[0].finish_reason, 'tool_calls');
  assert.equal(call.function.name, 'get_weather');
  assert.match(JSON.parse(call.function.arguments).city, /Paris/);
  const streamed = await client.chat.completions.stream(body).finalMessage();
  assert.deepEqual(streamed.tool_calls[0].function.arguments, call.function.arguments);
});

test('runs tools and goes on', async () => {
  let asked;
  const runner = client.chat.completions.runTools({
    model,
    messages: ask('What is the weather in Paris?'),
    temperature: 0,
    tools: [{
      type: 'function',
      function: { ...weather.function, parse: JSON.parse, function: ({ city }) => { asked = city; return 'sunny, 20 degrees'; } },
    }],
  });
  await runner.finalContent();
  assert.match(asked, /Paris/);
});

const City = z.object({
  city: z.string().max(20),
  population: z.number().int().min(0).max(100000000),
  kind: z.enum(['capital', 'port', 'other']),
  rivers: z.array(z.string().max(12)).max(3),
  mayor: z.object({ name: z.string().max(20), since: z.number().nullable() }),
});

test('parses what a zod schema demands, at a high temperature', async () => {
  for (const seed of [1, 2, 3]) {
    const chat = await client.chat.completions.parse({
      model, messages: question, temperature: 1.5, seed, max_completion_tokens: 600,
      response_format: zodResponseFormat(City, 'city'),
    });
    City.parse(chat.choices[0].message.parsed);
    const response = await client.responses.parse({
      model, input: 'Paris', temperature: 1.5, max_output_tokens: 600, text: { format: zodTextFormat(City, 'city') },
    });
    City.parse(response.output_parsed);
  }
});

test('embeds texts, as numbers and as base64', async () => {
  const input = ['Paris is a city.', 'Rome is a city.', 'x = x + 1'];
  const { data, usage } = await client.embeddings.create({ model, input });  // the client asks for base64 and decodes it
  const plain = await client.embeddings.create({ model, input, encoding_format: 'float' });
  assert.equal(data.length, 3);
  assert.equal(usage.prompt_tokens, plain.usage.total_tokens);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (let i = 0; i < 3; i += 1) {
    assert.equal(data[i].index, i);
    assert.ok(Math.abs(dot(data[i].embedding, plain.data[i].embedding) - 1) < 1e-4);
  }
  assert.ok(dot(data[0].embedding, data[1].embedding) > dot(data[0].embedding, data[2].embedding));
});

test('counts tokens', async () => {
  const { usage } = await client.responses.create({ model, input: 'Hello', instructions: 'Be kind.', max_output_tokens: 1 });
  const counted = await client.responses.inputTokens.count({ model, input: 'Hello', instructions: 'Be kind.' });
  assert.deepEqual(counted, { ...counted, object: 'response.input_tokens', input_tokens: usage.input_tokens });
});

test('completes text', async () => {
  const body = { model, prompt: 'Hello', max_tokens: 5, temperature: 0, logprobs: 1 };
  const whole = await client.completions.create(body);
  assert.equal(whole.object, 'text_completion');
  let text = '';
  for await (const chunk of await client.completions.create({ ...body, stream: true })) text += chunk.choices[0].text;
  assert.equal(text, whole.choices[0].text);
});

test('creates, continues, retrieves and deletes responses', async () => {
  const first = await client.responses.create({ model, input: 'What is the capital of France?', temperature: 0 });
  assert.equal(first.status, 'completed');
  assert.match(first.output_text, /Paris/);
  const second = await client.responses.create({ model, input: 'And of Italy?', previous_response_id: first.id });
  assert.ok(second.usage.input_tokens > first.usage.input_tokens);
  assert.equal((await client.responses.retrieve(first.id)).output_text, first.output_text);
  const items = [];
  for await (const item of client.responses.inputItems.list(first.id)) items.push(item);
  assert.equal(items[0].content[0].text, 'What is the capital of France?');
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
  await assert.rejects(client.responses.cancel(second.id), OpenAI.BadRequestError);
});

test('compacts a conversation, and goes on from what is left of it', async () => {
  const first = await client.responses.create({ model, input: 'What is the capital of France?', temperature: 0 });
  const compacted = await client.responses.compact({ model, previous_response_id: first.id, input: 'And of Italy?' });
  assert.equal(compacted.object, 'response.compaction');
  assert.deepEqual(compacted.output.map((item) => item.type), ['message', 'message', 'compaction']);
  const input = [...compacted.output, { role: 'user', content: 'And of Spain?' }];
  const response = await client.responses.create({ model, input, temperature: 0 });
  assert.equal(response.status, 'completed');
  compacted.output[2].encrypted_content += 'AAAA';
  await assert.rejects(client.responses.create({ model, input: compacted.output }),
    (error) => error instanceof OpenAI.BadRequestError && error.code === 'invalid_encrypted_content');
});

test('keeps a conversation and its items', async () => {
  const conversation = await client.conversations.create({
    metadata: { topic: 'capitals' }, items: [{ type: 'message', role: 'user', content: 'My name is Ada.' }],
  });
  assert.equal(conversation.object, 'conversation');
  const response = await client.responses.create({
    model, input: 'What is the capital of France?', temperature: 0, conversation: conversation.id,
  });
  assert.equal(response.conversation.id, conversation.id);
  const roles = [];
  for await (const item of client.conversations.items.list(conversation.id, { order: 'asc', limit: 2 })) roles.push(item.role);
  assert.deepEqual(roles, ['user', 'user', 'assistant']);
  const items = [{ type: 'message', role: 'user', content: 'And of Italy?' }];
  const added = await client.conversations.items.create(conversation.id, { items });
  const [{ id }] = added.data;
  const item = await client.conversations.items.retrieve(id, { conversation_id: conversation.id });
  assert.equal(item.content[0].text, 'And of Italy?');
  assert.equal((await client.conversations.items.delete(id, { conversation_id: conversation.id })).id, conversation.id);
  const renamed = await client.conversations.update(conversation.id, { metadata: { topic: 'cities' } });
  assert.deepEqual(renamed.metadata, { topic: 'cities' });
  assert.equal((await client.conversations.delete(conversation.id)).deleted, true);
  await assert.rejects(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError);
});

test('answers within a conversation, streamed too, from all that stands in it', async () => {
  const { id } = await client.conversations.create();
  assert.deepEqual((await client.conversations.retrieve(id)).metadata, {});
  const call = { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' };
  const result = { type: 'function_call_output', call_id: 'call_1', output: 'Sunny.' };
  const question = { type: 'message', role: 'user', content: 'What is the weather in Paris?' };
  await client.conversations.items.create(id, { items: [question, call, result] });
  const body = { model, input: 'What is the capital of France?', temperature: 0 };
  const response = await client.responses.stream({ ...body, conversation: { id } }).finalResponse();
  assert.equal(response.conversation.id, id);
  const told = [question, call, result, { role: 'user', content: body.input }];
  const spelledOut = await client.responses.create({ ...body, input: told });
  assert.equal(response.usage.input_tokens, spelledOut.usage.input_tokens);
  assert.equal(response.output_text, spelledOut.output_text);
  const page = await client.conversations.items.list(id, { order: 'asc', limit: 3 });
  assert.deepEqual(page.data.map((item) => item.type), ['message', 'function_call', 'function_call_output']);
  assert.ok(page.hasNextPage());
  const rest = await page.getNextPage();
  assert.deepEqual(rest.data.map((item) => item.role), ['user', 'assistant']);
  assert.equal(rest.data[1].id, response.output[0].id);
  assert.equal(rest.data[1].content[0].text, response.output_text);
  assert.ok(!rest.hasNextPage());
});

test('errors of conversations name what is wrong', async () => {
  const { id } = await client.conversations.create({});
  const refused = (request, status, code, param) => assert.rejects(request,
    (error) => error instanceof OpenAI.APIError && error.status === status && error.code === code && error.param === param);
  const items = new Array(21).fill({ type: 'message', role: 'user', content: 'Hi' });
  await refused(client.conversations.items.create(id, { items }), 400, 'array_above_max_length', 'items');
  const gone = client.conversations.items.retrieve('msg_none', { conversation_id: id });
  await refused(gone, 404, 'item_not_found', null);
  await refused(client.conversations.items.delete('msg_none', { conversation_id: id }), 404, 'item_not_found', null);
  const both = { model, input: 'Hi', conversation: id, previous_response_id: 'resp_none' };
  await refused(client.responses.create(both), 400, 'mutually_exclusive_parameters', 'conversation');
  await client.conversations.delete(id);
  const after = client.responses.create({ model, input: 'Hi', conversation: id });
  await assert.rejects(after, (error) => error instanceof OpenAI.NotFoundError && error.code === 'conversation_not_found');
  await assert.rejects(client.conversations.update(id, { metadata: {} }), OpenAI.NotFoundError);
  await assert.rejects(client.conversations.items.list(id), OpenAI.NotFoundError);
});

test('makes a response in the background, and takes its stream up again', async () => {
  const body = { model, input: 'What is the capital of France?', temperature: 0, background: true };
  let response = await client.responses.create(body);
  assert.equal(response.status, 'queued');
  while (['queued', 'in_progress'].includes(response.status)) response = await client.responses.retrieve(response.id);
  assert.equal(response.status, 'completed');
  assert.match(response.output_text, /Paris/);
  let seen;
  for await (const event of await client.responses.create({ ...body, stream: true })) {
    seen = { id: event.response?.id ?? seen?.id, number: event.sequence_number };
    if (seen.number === 2) break;
  }
  const numbers = [];
  const rest = await client.responses.retrieve(seen.id, { stream: true, starting_after: seen.number });
  for await (const event of rest) numbers.push(event.sequence_number);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 3));
  const again = await client.responses.stream({ response_id: seen.id }).finalResponse();
  assert.equal(again.output_text, response.output_text);
  await assert.rejects(client.responses.cancel(seen.id), OpenAI.BadRequestError);
});

test('streams responses, text and calls', async () => {
  const deltas = [];
  const stream = client.responses.stream({ model, input: 'What is the capital of France?', temperature: 0 });
  stream.on('response.output_text.delta', (event) => deltas.push(event.delta));
  const final = await stream.finalResponse();
  assert.match(final.output_text, /Paris/);
  assert.equal(deltas.join(''), final.output_text);
  const { type, function: { name, description, parameters } } = weather;
  const called = await client.responses.stream({
    model, input: 'What is the weather in Paris?', temperature: 0, tools: [{ type, name, description, parameters, strict: false }],
  }).finalResponse();
  const call = called.output.find((item) => item.type === 'function_call');
  assert.equal(call.name, 'get_weather');
  assert.match(JSON.parse(call.arguments).city, /Paris/);
});

test('errors arrive as the classes that they are', async () => {
  const create = (more, options) => client.chat.completions.create({ model, messages: question, ...more }, options);
  await assert.rejects(create({ model: 'gpt-4o' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
  await assert.rejects(create({ temperature: 9 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'temperature');
    return true;
  });
  await assert.rejects(create({ messages: ask('word '.repeat(9000)) }), (error) => error.code === 'context_length_exceeded');
  await assert.rejects(new OpenAI({ apiKey: 'wrong' }).models.list(), OpenAI.AuthenticationError);
});

test('a stream may be left', async () => {
  const stream = await client.completions.create({ model, prompt: 'Hello', max_tokens: 4000, stream: true, ignore_eos: true });
  for await (const _ of stream) break;
  assert.equal((await client.chat.completions.create({ model, messages: question, max_tokens: 1 })).usage.completion_tokens, 1);
});

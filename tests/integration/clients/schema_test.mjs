// Every answer and every event of a stream against what OpenAI publishes of them: the types of its own client, as JSON Schema.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Ajv from 'ajv';
import formats from 'ajv-formats';
import { createGenerator } from 'ts-json-schema-generator';

const base = process.env.OPENAI_BASE_URL;
const headers = { 'content-type': 'application/json', authorization: `Bearer ${process.env.OPENAI_API_KEY}` };
const messages = [{ role: 'user', content: 'What is the capital of France?' }];
const weather = {
  name: 'get_weather', description: 'The weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};
const person = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false };
const validators = {};

before(() => {
  const file = new URL('wire_types.ts', import.meta.url).pathname;
  const generator = createGenerator({ path: file, type: '*', skipTypeCheck: true, additionalProperties: true, expose: 'all' });
  const types = ['Chat', 'ChatChunk', 'Text', 'TextChunk', 'Embeddings', 'ModelCard', 'ResponseBody', 'ResponseEvent',
    'ResponseItems'];
  for (const type of types) {
    const schema = generator.createSchema(type);
    // In the "response" of an event, too.
    const inside = schema.definitions['OpenAI.Responses.Response'] ?? schema.definitions.Response;
    if (inside?.required) inside.required = inside.required.filter((key) => key !== 'output_text');
    const ajv = new Ajv({ strict: false, allErrors: true });
    formats(ajv);
    validators[type] = ajv.compile(schema);
  }
});

// OpenAI's server, and Open Responses' schema, have a null usage in an event of a response that goes on; the types have none.
function check(type, value) {
  if (value.response?.usage === null) delete value.response.usage;
  const fits = validators[type](value);
  assert.ok(fits, `${type}: ${JSON.stringify(validators[type].errors?.slice(0, 3))} in ${JSON.stringify(value)}`);
}

async function call(method, url, body) {
  const reply = await fetch(base + url, { method, headers, body: body && JSON.stringify(body) });
  assert.equal(reply.status, 200, `${url}: ${await reply.clone().text()}`);
  return reply;
}

// Checks the answer, then the same request as a stream, event by event.
async function both(url, body, whole, event) {
  const value = await (await call('POST', url, body)).json();
  check(whole, value);
  const text = await (await call('POST', url, { ...body, stream: true })).text();
  const events = text.split('\n').filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]');
  assert.ok(events.length > 1, text);
  for (const line of events) check(event, JSON.parse(line.slice(6)));
  return value;
}

const format = { type: 'json_schema', json_schema: { name: 'person', schema: person, strict: true } };
const chats = {
  plain: {},
  'with log-probabilities': { logprobs: true, top_logprobs: 3, max_tokens: 5 },
  'of several choices': { n: 2, temperature: 1, seed: 3, max_tokens: 8 },
  'with usage in the stream': { stream_options: { include_usage: true } },
  'as JSON': { response_format: format, max_tokens: 40 },
  'with a tool call': { tools: [{ type: 'function', function: weather }], tool_choice: 'required', max_tokens: 60 },
  'with a tool call and log-probabilities': {
    tools: [{ type: 'function', function: weather }], tool_choice: 'required', logprobs: true, max_tokens: 60 },
};
for (const [name, extra] of Object.entries(chats)) {
  test(`chat completion ${name}`, async () => {
    const { stream_options, ...rest } = extra;
    const body = { model: 'puna-demo', messages, ...rest };
    check('Chat', await (await call('POST', '/chat/completions', body)).json());
    const reply = await call('POST', '/chat/completions', { ...body, stream: true, ...(stream_options && { stream_options }) });
    const lines = (await reply.text()).split('\n').filter((line) => line.startsWith('data: '));
    assert.equal(lines.pop(), 'data: [DONE]');
    for (const line of lines) check('ChatChunk', JSON.parse(line.slice(6)));
  });
}

test('completions', async () => {
  const prompt = 'The capital of France';
  await both('/completions', { model: 'puna-demo', prompt, max_tokens: 6 }, 'Text', 'TextChunk');
  await both('/completions', { model: 'puna-demo', prompt: [prompt, prompt], logprobs: 2, max_tokens: 3 }, 'Text', 'TextChunk');
  const echo = { model: 'puna-demo', prompt, echo: true, logprobs: 1, max_tokens: 2 };
  const echoed = await (await call('POST', '/completions', echo)).json();
  const { token_logprobs, top_logprobs } = echoed.choices[0].logprobs;
  assert.deepEqual([token_logprobs.shift(), top_logprobs.shift()], [null, null]);  // nothing stands before the first token
  check('Text', echoed);
});

const responses = {
  plain: {},
  'as JSON': { text: { format: { type: 'json_schema', name: 'person', schema: person, strict: true } }, max_output_tokens: 40 },
  'with a function call': {
    tools: [{ type: 'function', strict: true, ...weather }], tool_choice: 'required', max_output_tokens: 60,
  },
  'cut short': { max_output_tokens: 16, input: 'Tell me about yourself.' },
  'with instructions and metadata': { instructions: 'Answer briefly.', metadata: { a: 'b' }, temperature: 0.5 },
};
for (const [name, extra] of Object.entries(responses)) {
  test(`response ${name}`, async () => {
    const body = { model: 'puna-demo', input: messages[0].content, ...extra };
    const made = await both('/responses', body, 'ResponseBody', 'ResponseEvent');
    check('ResponseBody', await (await call('GET', `/responses/${made.id}`)).json());
    check('ResponseItems', await (await call('GET', `/responses/${made.id}/input_items`)).json());
  });
}

test('embeddings and models', async () => {
  check('Embeddings', await (await call('POST', '/embeddings', { model: 'puna-demo', input: ['a', 'b'] })).json());
  const list = await (await call('GET', '/models')).json();
  assert.equal(list.object, 'list');
  for (const model of list.data) check('ModelCard', model);
  check('ModelCard', await (await call('GET', `/models/${list.data[0].id}`)).json());
});

test('the schemas refuse what is wrong', async () => {
  const value = await (await call('POST', '/chat/completions', { model: 'puna-demo', messages })).json();
  delete value.choices[0].message.role;
  assert.ok(!validators.Chat(value));
});

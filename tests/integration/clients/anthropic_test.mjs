// Anthropic's client as people use it, and its own types over every answer. ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY say where.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import Ajv from 'ajv';
import formats from 'ajv-formats';
import { createGenerator } from 'ts-json-schema-generator';
import { z } from 'zod';

const client = new Anthropic({ maxRetries: 0 });
const model = 'puna-demo';
const ask = (text) => [{ role: 'user', content: text }];
const question = { model, max_tokens: 64, temperature: 0, messages: ask('What is the capital of France?') };
const weather = {
  name: 'get_weather',
  description: 'Gives the weather of a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const forecast = { ...question, tools: [weather], messages: ask('What is the weather in Paris?') };
const validators = {};

before(() => {
  const file = new URL('anthropic_types.ts', import.meta.url).pathname;
  const generator = createGenerator({ path: file, type: '*', skipTypeCheck: true, additionalProperties: true, expose: 'all' });
  for (const type of ['Answer', 'AnswerEvent', 'Count', 'ModelCard']) {
    const ajv = new Ajv({ strict: false, allErrors: true });
    formats(ajv);
    validators[type] = ajv.compile(generator.createSchema(type));
  }
});

function check(type, value) {
  const fits = validators[type](value);
  assert.ok(fits, `${type}: ${JSON.stringify(validators[type].errors?.slice(0, 3))} in ${JSON.stringify(value)}`);
}

test('answers', async () => {
  const { data, response } = await client.messages.create(question).withResponse();
  check('Answer', data);
  assert.match(data.content[0].text, /Paris/);
  assert.equal(data.stop_reason, 'end_turn');
  assert.equal(data._request_id, response.headers.get('request-id'));
});

test('the types refuse what is wrong', async () => {
  const { usage, ...rest } = await client.messages.create(question);
  assert.ok(usage && !validators.Answer(rest));
});

test('streams the same, each event of its type', async () => {
  const whole = await client.messages.create(question);
  for await (const event of await client.messages.create({ ...question, stream: true })) check('AnswerEvent', event);
  const texts = [];
  const stream = client.messages.stream(question).on('text', (text) => texts.push(text));
  const message = await stream.finalMessage();
  assert.equal(texts.join(''), whole.content[0].text);
  assert.ok(texts.length > 2);
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(message.usage.output_tokens, whole.usage.output_tokens);
});

test('says how much came from the cache', async () => {
  const system = [{ type: 'text', text: 'Be kind and brief. '.repeat(40), cache_control: { type: 'ephemeral' } }];
  const body = { ...question, system };
  const first = await client.messages.create(body);
  const { usage } = await client.messages.stream(body).finalMessage();
  assert.ok(usage.cache_read_input_tokens > 100);
  assert.equal(usage.cache_creation_input_tokens, 0);
  const total = (u) => u.input_tokens + u.cache_read_input_tokens;
  assert.equal(total(usage), total(first.usage));
});

test('calls a tool, streamed and not, and goes on with its result', async () => {
  const whole = await client.messages.create(forecast);
  check('Answer', whole);
  assert.equal(whole.stop_reason, 'tool_use');
  const call = whole.content.find((block) => block.type === 'tool_use');
  assert.match(call.input.city, /Paris/);
  for await (const event of await client.messages.create({ ...forecast, stream: true })) check('AnswerEvent', event);
  const streamed = await client.messages.stream(forecast).finalMessage();
  assert.deepEqual(streamed.content.find((block) => block.type === 'tool_use').input, call.input);
  const result = { type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: 'sunny, 20 degrees' }] };
  const next = await client.messages.create({
    ...forecast,
    messages: [...forecast.messages, { role: 'assistant', content: whole.content }, { role: 'user', content: [result] }],
  });
  assert.equal(next.stop_reason, 'end_turn');
  const choice = { type: 'tool', name: 'get_weather' };
  const forced = await client.messages.create({ ...question, tools: [weather], tool_choice: choice });
  assert.equal(forced.stop_reason, 'tool_use');
});

test('runs tools to the end of the turn', async () => {
  let asked;
  const tool = betaZodTool({
    name: 'get_weather', description: 'Gives the weather of a city.', inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => { asked = city; return 'sunny, 20 degrees'; },
  });
  const last = await client.beta.messages.toolRunner({ ...forecast, tools: [tool], max_iterations: 4 });
  assert.match(asked, /Paris/);
  assert.equal(last.stop_reason, 'end_turn');
});

test('parses what a zod schema demands', async () => {
  const City = z.object({ city: z.string().max(20), kind: z.enum(['capital', 'port', 'other']) });
  const message = await client.messages.parse({ ...question, max_tokens: 300, output_config: { format: zodOutputFormat(City) } });
  City.parse(message.parsed_output);
});

test('ends at a stop sequence, and at the bound', async () => {
  const stopped = await client.messages.create({ ...question, stop_sequences: ['zzz', 'Par'] });
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', 'Par']);
  assert.equal((await client.messages.create({ ...question, max_tokens: 1 })).stop_reason, 'max_tokens');
});

test('counts tokens', async () => {
  const { max_tokens, temperature, ...body } = forecast;
  const count = await client.messages.countTokens(body);
  check('Count', count);
  const { usage } = await client.messages.create({ ...body, max_tokens: 1 });
  assert.ok(max_tokens && temperature === 0);
  assert.equal(count.input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
});

test('lists and retrieves the model', async () => {
  const ids = [];
  for await (const entry of client.models.list()) {
    check('ModelCard', entry);
    ids.push(entry.id);
  }
  assert.deepEqual(ids, [model]);
  check('ModelCard', await client.models.retrieve(model));
});

test('errors have their classes', async () => {
  await assert.rejects(client.messages.create({ ...question, max_tokens: -1 }), (error) =>
    error instanceof Anthropic.BadRequestError && error.error.error.type === 'invalid_request_error' && error.requestID.length > 0);
  await assert.rejects(client.messages.create({ ...question, model: 'claude' }), Anthropic.NotFoundError);
  await assert.rejects(client.models.retrieve('claude'), (error) => error.error.error.type === 'not_found_error');
  const stranger = new Anthropic({ apiKey: 'wrong', maxRetries: 2 });  // told at once, not tried again
  await assert.rejects(stranger.messages.create(question), (error) =>
    error instanceof Anthropic.AuthenticationError && error.error.error.type === 'authentication_error');
});

test('a key as a bearer token will do', async () => {
  const other = new Anthropic({ apiKey: null, authToken: process.env.ANTHROPIC_API_KEY, maxRetries: 0 });
  assert.equal((await other.messages.create({ ...question, max_tokens: 1 })).type, 'message');
});

test('leaves in the middle, and the next one is served', async () => {
  const stream = client.messages.stream({ ...question, temperature: 1, max_tokens: 3000 });
  for await (const event of stream) if (event.type === 'content_block_delta') break;
  stream.abort();
  assert.equal((await client.messages.create(question)).stop_reason, 'end_turn');
});

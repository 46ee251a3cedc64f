// LangChain's client for OpenAI.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';

const options = { model: 'puna-demo', temperature: 0, maxRetries: 0 };
const chat = (more = {}) => new ChatOpenAI({ ...options, ...more });
const question = 'What is the capital of France?';

const weather = tool(async ({ city }) => `It is sunny in ${city}.`, {
  name: 'get_weather',
  description: 'Gives the weather of a city.',
  schema: z.object({ city: z.string() }),
});

test('invokes and streams', async () => {
  const answer = await chat().invoke(question);
  assert.match(answer.text, /Paris/);
  assert.ok(answer.usage_metadata.output_tokens > 0);
  let text = '';
  let usage;
  for await (const chunk of await chat().stream(question)) {
    text += chunk.text;
    usage = chunk.usage_metadata ?? usage;
  }
  assert.equal(text, answer.text);
  assert.equal(usage.output_tokens, answer.usage_metadata.output_tokens);
});

test('batches', async () => {
  const answers = await chat().batch([question, 'What is the capital of Italy?']);
  assert.match(answers[0].text, /Paris/);
  assert.equal(answers.length, 2);
});

test('calls a tool and reads its result', async () => {
  const model = chat().bindTools([weather]);
  const messages = [new HumanMessage('What is the weather in Paris?')];
  const called = await model.invoke(messages);
  const [call] = called.tool_calls;
  assert.equal(call.name, 'get_weather');
  assert.match(call.args.city, /Paris/);
  const result = await weather.invoke(call);
  assert.ok(result instanceof ToolMessage);
  const answer = await model.invoke([...messages, called, result]);
  assert.ok(answer.text.length > 0 || answer.tool_calls.length > 0);
  let streamed;
  for await (const chunk of await model.stream(messages)) streamed = streamed ? streamed.concat(chunk) : chunk;
  assert.deepEqual(streamed.tool_calls[0].args, call.args);
});

test('gives structured output by every method', async () => {
  const Answer = z.object({ city: z.string().max(20), size: z.enum(['small', 'large']) });
  for (const method of ['jsonSchema', 'functionCalling']) {
    const model = chat({ temperature: 1.5 }).withStructuredOutput(Answer, { name: 'answer', method, strict: true });
    Answer.parse(await model.invoke(question));
  }
});

test('speaks the responses API', async () => {
  const model = chat({ useResponsesApi: true });
  const answer = await model.invoke(question);
  assert.match(answer.text, /Paris/);
  const called = await model.bindTools([weather]).invoke('What is the weather in Paris?');
  assert.equal(called.tool_calls[0].name, 'get_weather');
});

test('embeds', async () => {
  const embeddings = new OpenAIEmbeddings({ model: 'puna-demo', maxRetries: 0 });
  const [one, two] = await embeddings.embedDocuments(['one', 'two']);
  assert.equal(one.length, two.length);
  assert.equal((await embeddings.embedQuery('one')).length, one.length);
});

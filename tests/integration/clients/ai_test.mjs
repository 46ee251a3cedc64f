// Vercel's AI SDK with its provider for servers that speak OpenAI's protocol.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const provider = createOpenAICompatible({
  name: 'puna',
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider('puna-demo');
const prompt = 'What is the capital of France?';
const settings = { model, temperature: 0, maxRetries: 0 };

test('generates text', async () => {
  const result = await generateText({ ...settings, prompt });
  assert.match(result.text, /Paris/);
  assert.equal(result.finishReason, 'stop');
  assert.ok(result.usage.inputTokens > 0);
  assert.ok(result.usage.outputTokens > 0);
});

test('streams text', async () => {
  const result = streamText({ ...settings, prompt });
  let text = '';
  for await (const delta of result.textStream) text += delta;
  assert.match(text, /Paris/);
  assert.equal(await result.finishReason, 'stop');
  assert.ok((await result.usage).outputTokens > 0);
});

const Answer = z.object({ city: z.string().max(20), large: z.boolean() });

test('generates and streams objects', async () => {
  const whole = await generateText({ ...settings, temperature: 1.5, prompt, output: Output.object({ schema: Answer }) });
  Answer.parse(whole.output);
  const stream = streamText({ ...settings, temperature: 1.5, prompt, output: Output.object({ schema: Answer }) });
  let last;
  for await (const partial of stream.partialOutputStream) last = partial;
  Answer.parse(last);
});

test('calls tools in steps, streamed and not', async () => {
  for (const run of [generateText, streamText]) {
    const asked = [];
    const tools = {
      get_weather: tool({
        description: 'Gives the weather of a city.',
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => { asked.push(city); return 'sunny, 20 degrees'; },
      }),
    };
    const result = await run({ ...settings, prompt: 'What is the weather in Paris?', tools, stopWhen: stepCountIs(2) });
    assert.ok((await result.steps).length >= 1);
    assert.match(asked[0], /Paris/);
  }
});

test('demands a tool', async () => {
  const tools = { note: tool({ inputSchema: z.object({ text: z.string().max(20), level: z.number().int().min(1).max(3) }) }) };
  const result = await generateText({ ...settings, temperature: 1.5, prompt, tools, toolChoice: 'required' });
  assert.equal(result.finishReason, 'tool-calls');
  assert.ok([1, 2, 3].includes(result.toolCalls[0].input.level));
});

test('embeds', async () => {
  const model = provider.embeddingModel('puna-demo');
  const { embeddings, usage } = await embedMany({ model, values: ['one', 'two'], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
  assert.ok(usage.tokens > 0);
});

test('errors carry what the server says', async () => {
  await assert.rejects(generateText({ ...settings, prompt, temperature: 9 }), (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /temperature/);
    return true;
  });
});

// OpenAI's Agents SDK, over the responses API (its default) and over chat completions.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { Agent, run, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import { z } from 'zod';

setTracingDisabled(true);
after(() => setOpenAIAPI('responses'));

const model = 'puna-demo';
const modelSettings = { temperature: 0 };

for (const api of ['responses', 'chat_completions']) {
  test(`answers over ${api}, streamed and not`, async () => {
    setOpenAIAPI(api);
    const agent = new Agent({ name: 'Helper', model, modelSettings });
    const result = await run(agent, 'What is the capital of France?');
    assert.match(result.finalOutput, /Paris/);
    const stream = await run(agent, 'What is the capital of France?', { stream: true });
    let text = '';
    for await (const piece of stream.toTextStream()) text += piece;
    await stream.completed;
    assert.equal(text, stream.finalOutput);
  });

  test(`runs tools over ${api}`, async () => {
    setOpenAIAPI(api);
    const asked = [];
    const weather = tool({
      name: 'get_weather',
      description: 'Gives the weather of a city.',
      parameters: z.object({ city: z.string() }),
      execute: async ({ city }) => { asked.push(city); return 'sunny, 20 degrees'; },
    });
    const agent = new Agent({ name: 'Helper', model, modelSettings, tools: [weather] });
    const result = await run(agent, 'What is the weather in Paris?', { maxTurns: 4 });
    assert.match(asked[0], /Paris/);
    assert.ok(result.rawResponses.length >= 2);
    assert.equal(typeof result.finalOutput, 'string');
  });

  test(`gives typed output over ${api}`, async () => {
    setOpenAIAPI(api);
    const Answer = z.object({ city: z.string().max(20), sure: z.boolean() });
    const agent = new Agent({ name: 'Helper', model, modelSettings: { temperature: 1.5 }, outputType: Answer });
    Answer.parse((await run(agent, 'What is the capital of France?')).finalOutput);
  });
}

test('goes on from a response that the server keeps', async () => {
  setOpenAIAPI('responses');
  const agent = new Agent({ name: 'Helper', model, modelSettings });
  const first = await run(agent, 'What is the capital of France?');
  const second = await run(agent, 'And of Italy?', { previousResponseId: first.lastResponseId });
  assert.ok(second.rawResponses[0].usage.inputTokens > first.rawResponses[0].usage.inputTokens);
});

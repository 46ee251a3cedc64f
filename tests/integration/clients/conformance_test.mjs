// Every schema of the table, answered at temperature 1.5: what is not cut parses and validates, by a validator that is not ours.
// OPENAI_BASE_URL says where, PUNA_SCHEMAS names the table, PUNA_MIN_COMPLETE the share of answers that must not be cut.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const CONCURRENT = 12;
const schemas = readFileSync(process.env.PUNA_SCHEMAS, 'utf8').trim().split('\n').map((line) => JSON.parse(line).schema);
const url = `${process.env.OPENAI_BASE_URL}/chat/completions`;
const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${process.env.OPENAI_API_KEY}` };

async function answer(schema, seed) {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      messages: [{ role: 'user', content: 'Give me an example.' }],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: seed % 2 === 0 } },
      temperature: 1.5, seed, max_tokens: 200,
    }),
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify([schema, body]));
  return body.choices[0];
}

test('answers validate', async () => {
  assert.ok(schemas.length >= 200);
  let complete = 0;
  let next = 0;
  const worker = async () => {
    while (next < schemas.length) {
      const index = next;
      next += 1;
      const schema = schemas[index];
      const choice = await answer(schema, index);
      if (choice.finish_reason === 'length') continue;
      const said = JSON.stringify([schema, choice]);
      assert.equal(choice.finish_reason, 'stop', said);
      complete += 1;
      const ajv = new Ajv({ strict: false, allErrors: false });
      formats(ajv);
      assert.ok(ajv.validate(schema, JSON.parse(choice.message.content)), `${said} ${ajv.errorsText()}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  console.log(`${complete} of ${schemas.length} answers were complete, and all of them valid`);
  assert.ok(complete >= schemas.length * Number(process.env.PUNA_MIN_COMPLETE), `only ${complete} were complete`);
});

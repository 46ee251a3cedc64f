// One streamed answer: chunks in, the growing parts of a message out.
import { stream } from './api.js';

function addCall(calls, delta) {
  const call = (calls[delta.index] ??= { id: '', name: '', arguments: '' });
  if (delta.id) call.id = delta.id;
  call.name += delta.function?.name ?? '';
  call.arguments += delta.function?.arguments ?? '';
}

const likelihood = ({ token, logprob }) => ({ token, logprob });
const position = (entry) => ({ ...likelihood(entry), top: entry.top_logprobs.map(likelihood) });

class Answer {
  constructor(before) {
    this.message = { content: before.content, calls: [], logprobs: before.logprobs ?? [], finish: '' };
    this.start = performance.now();
    this.first = 0;
    this.last = 0;
  }

  take(chunk) {
    if (chunk.error) throw new Error(chunk.error.message);
    if (chunk.usage) this.usage = chunk.usage;
    for (const choice of chunk.choices ?? []) this.#takeChoice(choice);
  }

  #takeChoice({ delta = {}, logprobs, finish_reason }) {
    const { message } = this;
    if (delta.content || delta.tool_calls) {
      this.last = performance.now();
      this.first ||= this.last;
    }
    message.content += delta.content ?? '';
    for (const call of delta.tool_calls ?? []) addCall(message.calls, call);
    if (logprobs?.content) message.logprobs.push(...logprobs.content.map(position));
    if (finish_reason) message.finish = finish_reason;
  }

  // The parts of the message so far, as a new object.
  parts() {
    const { content, calls, logprobs, finish } = this.message;
    return { content, calls: calls.map((call) => ({ ...call })), logprobs: [...logprobs], finish, stats: this.stats() };
  }

  stats() {
    if (!this.first) return undefined;
    const { completion_tokens: tokens, prompt_tokens: prompt, prompt_tokens_details: details, energy } = this.usage ?? {};
    const seconds = (this.last - this.start) / 1000;
    const writing = (this.last - this.first) / 1000;
    return {
      tokens, prompt, seconds,
      cached: details?.cached_tokens,
      joules: energy?.joules,
      energySource: energy?.source,
      firstMs: this.first - this.start,
      perSecond: tokens > 1 && writing > 0 ? (tokens - 1) / writing : undefined,
    };
  }
}

// Streams the answer to `body`. `update` is given the parts as they grow; the last ones are returned, with `warnings` of the
// server. Throws ApiError, or AbortError, behind a last update.
export async function streamAnswer(body, { before, abort, update }) {
  const answer = new Answer(before);
  let warnings = '';
  let timer = 0;
  // Long answers are shown anew less often: what showing costs grows with them.
  const schedule = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      update(answer.parts());
    }, 40 + answer.message.content.length / 2000);
  };
  const onEvent = (chunk) => {
    answer.take(chunk);
    schedule();
  };
  try {
    const onHead = (reply) => (warnings = reply.headers.get('X-Puna-Warnings') ?? '');
    await stream('/v1/chat/completions', { body, abort, onEvent, onHead });
  } finally {
    clearTimeout(timer);
    update(answer.parts());
  }
  return { ...answer.parts(), warnings };
}

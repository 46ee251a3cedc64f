// A file that somebody chose, to conversations and messages that the page can show: it may hold anything.
import { newId } from './store.js';
import { visible } from './text.js';

const kRoles = ['user', 'assistant', 'tool'];
const kEnds = ['done', 'stopped', 'failed'];

const text = (value, otherwise = '') => (typeof value === 'string' ? value : otherwise);
const number = (value, otherwise) => (Number.isFinite(value) ? value : otherwise);
const list = (value, make) => (Array.isArray(value) ? value.filter((item) => item && typeof item === 'object').map(make) : []);

const attachment = (file) => ({ name: text(file.name, 'file'), text: text(file.text) });
const toolCall = (call) => ({ id: text(call.id), name: text(call.name), arguments: text(call.arguments) });
const likelihood = (token) => ({ token: text(token.token), logprob: number(token.logprob, -100) });
const position = (token) => ({ ...likelihood(token), top: list(token.top, likelihood) });

function figures(stats) {
  const known = ['tokens', 'prompt', 'cached', 'joules', 'firstMs', 'perSecond', 'seconds'];
  const kept = known.filter((name) => Number.isFinite(stats?.[name])).map((name) => [name, stats[name]]);
  return kept.length ? { ...Object.fromEntries(kept), energySource: text(stats.energySource) } : undefined;
}

function settingsOf(value) {
  const known = Object.entries(value ?? {}).filter(([name, v]) =>
    ['system', 'stop', 'schema'].includes(name) ? typeof v === 'string' : ['number', 'boolean'].includes(typeof v),
  );
  return Object.fromEntries(known);
}

function message(m, fresh) {
  if (!kRoles.includes(m.role) || typeof m.content !== 'string') throw new Error('A message has no text or an unknown role.');
  return {
    id: fresh(m.id), conversation: fresh(m.conversation), parent: m.parent == null ? null : fresh(m.parent),
    role: m.role, content: m.content, created: number(m.created, 0),
    state: kEnds.includes(m.state) ? m.state : 'stopped',
    error: text(m.error), finish: text(m.finish), warnings: text(m.warnings), name: text(m.name), callId: text(m.callId),
    attachments: list(m.attachments, attachment), calls: list(m.calls, toolCall), logprobs: list(m.logprobs, position),
    stats: figures(m.stats),
  };
}

function conversation(c, fresh) {
  const now = Date.now();
  return {
    id: fresh(c.id), leaf: c.leaf == null ? null : fresh(c.leaf), title: visible(text(c.title, 'Imported')),
    created: number(c.created, now), updated: number(c.updated, now), settings: settingsOf(c.settings),
  };
}

// What an export holds, under new ids, so that nothing that is here is changed. Throws with what is wrong with it.
export function readExport(data) {
  if (data?.puna !== 1 || !Array.isArray(data.conversations) || !Array.isArray(data.messages)) {
    throw new Error('This is no file that this page exported: expected {"puna": 1, "conversations": [...], "messages": [...]}.');
  }
  const ids = new Map();
  const fresh = (id) => ids.get(id) ?? ids.set(id, newId()).get(id);
  return {
    conversations: list(data.conversations, (c) => conversation(c, fresh)),
    messages: list(data.messages, (m) => message(m, fresh)),
  };
}

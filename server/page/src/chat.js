// The conversations, and what is done in them.
import { computed, signal } from '@preact/signals';
import { streamAnswer } from './answer.js';
import { requestBody } from './request.js';
import { noteFailure } from './server.js';
import * as store from './store.js';
import { visible } from './text.js';
import { runTool } from './tools.js';
import { childrenOf, leafBelow, pathTo } from './tree.js';

const kSettingsName = 'puna-settings';
const kMaxRounds = 6; // of tool calls behind one question
const kSaveMs = 1000;
export const kSilentMs = 5000; // an answer that no tab has written on for so long is not being written

export const conversations = signal([]);
export const open = signal(null); // the conversation that is shown; null: a new one
export const messages = signal(new Map());
export const thread = computed(() => pathTo(open.value?.leaf, messages.value));
export const running = signal(new Map()); // conversation -> AbortController
export const isRunning = computed(() => running.value.has(open.value?.id));
export const clock = signal(Date.now()); // moves when somebody has to look whether another tab still writes
export const isBusy = computed(() => isRunning.value || stateOf(thread.value.at(-1)) === 'writing');
export const announcement = signal(''); // for screen readers
export const draftSettings = signal(readSettings());
export const settings = computed(() => open.value?.settings ?? draftSettings.value);

// How a message stands: writing, by this tab or by another one a moment ago; done, stopped, failed.
export function stateOf(message) {
  if (message?.state !== 'writing' || running.value.has(message.conversation)) return message?.state;
  return clock.value - (message.saved ?? 0) < kSilentMs ? 'writing' : 'stopped';
}

export const look = () => (clock.value = Date.now());

function readSettings() {
  try {
    return JSON.parse(localStorage.getItem(kSettingsName)) ?? {};
  } catch {
    return {};
  }
}

export async function refreshList() {
  conversations.value = await store.allConversations();
}

export async function show(id) {
  const conversation = id ? await store.getConversation(id) : undefined;
  const found = conversation ? await store.messagesOf(id) : [];
  // What this tab is writing is newer than what is kept.
  const mine = running.value.has(id) && open.value?.id === id ? messages.value : new Map();
  look();
  messages.value = new Map(found.map((m) => [m.id, mine.get(m.id)?.state === 'writing' ? mine.get(m.id) : m]));
  open.value = conversation ?? null;
}

// Of this conversation from now on, and of new ones.
export async function changeSettings(change) {
  const next = { ...settings.value, ...change };
  draftSettings.value = next;
  localStorage.setItem(kSettingsName, JSON.stringify(next));
  if (open.value) await changeOpen({ settings: next });
}

async function changeOpen(change) {
  open.value = { ...open.value, ...change };
  conversations.value = conversations.value.map((c) => (c.id === open.value.id ? open.value : c));
  await store.saveConversation(open.value);
}

export const rename = (title) => changeOpen({ title: visible(title) });

export async function remove(id) {
  running.value.get(id)?.abort();
  await store.deleteConversation(id);
  if (open.value?.id === id) await show(null);
  await refreshList();
}

function put(message) {
  if (open.value?.id === message.conversation) messages.value = new Map(messages.value).set(message.id, message);
  return message;
}

async function add(fields) {
  const message = put({ id: store.newId(), created: Date.now(), content: '', state: 'done', ...fields });
  await store.saveMessage(message);
  return message;
}

async function start(text) {
  const now = Date.now();
  const title = visible(text).trim().replace(/\s+/g, ' ').slice(0, 60) || 'New chat';
  const conversation = { id: store.newId(), title, created: now, updated: now, leaf: null, settings: settings.value };
  await store.saveConversation(conversation);
  messages.value = new Map();
  open.value = conversation;
  conversations.value = [conversation, ...conversations.value];
}

async function moveLeaf(conversation, leaf) {
  const kept = open.value?.id === conversation ? open.value : await store.getConversation(conversation);
  if (!kept) return;
  const moved = { ...kept, leaf, updated: Date.now() };
  if (open.value?.id === conversation) open.value = moved;
  await store.saveConversation(moved);
  await refreshList();
}

// A question, below the message `parent` (null: the first of the conversation).
export async function ask(content, attachments = [], parent = open.value?.leaf ?? null) {
  if (!open.value) await start(content || attachments[0]?.name || '');
  const question = await add({ conversation: open.value.id, parent, role: 'user', content, attachments });
  await answer(question);
}

export const edit = (message, content) => ask(content, message.attachments, message.parent ?? null);

// Another answer to the same question.
export const again = (message) => answer(messages.value.get(message.parent));

export const goOn = (message) => answer(messages.value.get(message.parent), message);

export async function showSibling(message, step) {
  const siblings = childrenOf(message.parent, messages.value);
  const to = siblings[siblings.findIndex((m) => m.id === message.id) + step];
  if (to) await changeOpen({ leaf: leafBelow(to.id, messages.value) });
}

export const stop = () => running.value.get(open.value?.id)?.abort();

function setRunning(id, controller) {
  const next = new Map(running.value);
  if (controller) next.set(id, controller);
  else next.delete(id);
  running.value = next;
}

// Answers below `question`, and goes on while the model calls tools. `begun`: the answer is there in part and goes on.
async function answer(question, begun) {
  const id = question.conversation;
  if (running.value.has(id)) return;
  const controller = new AbortController();
  setRunning(id, controller);
  announcement.value = 'The answer is being written.';
  try {
    let last = await write(question, begun, controller.signal);
    for (let round = 1; last.state === 'done' && last.calls?.length && round < kMaxRounds; ++round) {
      last = await write(await runCalls(last), undefined, controller.signal);
    }
    announcement.value = last.state === 'failed' ? `No answer: ${last.error}` : 'The answer is complete.';
  } finally {
    setRunning(id, null);
  }
}

async function runCalls(message) {
  let parent = message;
  for (const call of message.calls) {
    const content = runTool(call.name, call.arguments);
    const { conversation } = message;
    parent = await add({ conversation, parent: parent.id, role: 'tool', callId: call.id, name: call.name, content });
  }
  return parent;
}

// Writes one answer, and keeps what there is of it once a second, in case the tab goes away.
async function write(parent, begun, abort) {
  const { conversation } = parent;
  const isOpen = open.value?.id === conversation;
  const own = isOpen ? messages.value : new Map((await store.messagesOf(conversation)).map((m) => [m.id, m]));
  const chosen = (await store.getConversation(conversation)).settings;
  let message = begun ?? (await add({ conversation, parent: parent.id, role: 'assistant', state: 'writing', saved: Date.now() }));
  await moveLeaf(conversation, message.id);
  const path = pathTo(begun ? begun.id : parent.id, own);
  const update = (parts) => {
    message = put({ ...message, ...parts, state: 'writing', error: '' });
    if (Date.now() - (message.saved ?? 0) < kSaveMs) return;
    message.saved = Date.now();
    store.saveMessage(message);
  };
  const end = await outcome(requestBodyOf(path, chosen, begun), { before: message, abort, update });
  message = put({ ...message, ...end });
  await store.saveMessage(message);
  return message;
}

const requestBodyOf = (path, chosen, begun) => () => requestBody(path, chosen, Boolean(begun));

// How an answer ended: done, stopped by the user, or failed with what to say.
async function outcome(makeBody, { before, abort, update }) {
  try {
    return { ...(await streamAnswer(makeBody(), { before, abort, update })), state: 'done' };
  } catch (error) {
    if (error.name === 'AbortError') return { state: 'stopped' };
    noteFailure(error);
    return { state: 'failed', error: error.message };
  }
}

// What a tab that is closed was writing can be gone on with at once.
export function keepUnfinished() {
  for (const message of messages.value.values()) {
    if (message.state === 'writing' && running.value.has(message.conversation)) store.saveMessage({ ...message, state: 'stopped' });
  }
}

store.onOtherTabs(async (id) => {
  await refreshList();
  if (id && id === open.value?.id && !running.value.has(id)) await show(id);
});

// What the browser keeps: conversations and their messages, each message a record of its own, so that two tabs do not
// overwrite each other. Tabs tell each other what changed.
import { openDB } from 'idb';

const database = openDB('puna', 1, {
  upgrade(db) {
    db.createObjectStore('conversations', { keyPath: 'id' });
    db.createObjectStore('messages', { keyPath: 'id' }).createIndex('conversation', 'conversation');
  },
});

const tabs = new BroadcastChannel('puna');

// `listener` is called with the id of a conversation that another tab changed.
export function onOtherTabs(listener) {
  tabs.onmessage = ({ data }) => listener(data);
}

// randomUUID is there on https and loopback alone.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function allConversations() {
  const all = await (await database).getAll('conversations');
  return all.sort((a, b) => b.updated - a.updated);
}

export async function messagesOf(conversation) {
  return (await database).getAllFromIndex('messages', 'conversation', conversation);
}

export async function getConversation(id) {
  return (await database).get('conversations', id);
}

export async function saveConversation(conversation) {
  await (await database).put('conversations', conversation);
  tabs.postMessage(conversation.id);
}

export async function saveMessage(message) {
  await (await database).put('messages', message);
  tabs.postMessage(message.conversation);
}

export async function deleteConversation(id) {
  const work = (await database).transaction(['conversations', 'messages'], 'readwrite');
  const keys = await work.objectStore('messages').index('conversation').getAllKeys(id);
  for (const key of keys) work.objectStore('messages').delete(key);
  work.objectStore('conversations').delete(id);
  await work.done;
  tabs.postMessage(id);
}

// The ids of conversations with a message that contains the text, without regard to case.
export async function search(text) {
  const wanted = text.toLowerCase();
  const found = new Set();
  let cursor = await (await database).transaction('messages').store.openCursor();
  while (cursor) {
    if (cursor.value.content?.toLowerCase().includes(wanted)) found.add(cursor.value.conversation);
    cursor = await cursor.continue();
  }
  return found;
}

export async function exportAll() {
  const db = await database;
  return { puna: 1, conversations: await db.getAll('conversations'), messages: await db.getAll('messages') };
}

// Adds records that importing.js made, all or none of them.
export async function addAll({ conversations, messages }) {
  const work = (await database).transaction(['conversations', 'messages'], 'readwrite');
  for (const conversation of conversations) work.objectStore('conversations').put(conversation);
  for (const message of messages) work.objectStore('messages').put(message);
  await work.done;
  tabs.postMessage('');
}

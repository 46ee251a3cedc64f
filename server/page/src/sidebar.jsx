import { useEffect, useRef, useState } from 'preact/hooks';
import { conversations, open, refreshList, remove, rename, running, show } from './chat.js';
import { readExport } from './importing.js';
import { addAll, exportAll, search } from './store.js';
import { download, plural } from './text.js';
import { view } from './view.js';

const kSearchMs = 200;

function go(id, onClose) {
  if (id) location.hash = `#/chat/${id}`;
  else {
    history.pushState(null, '', '#/');
    view.value = 'chat';
    show(null);
    setTimeout(() => document.getElementById('question').focus());
  }
  onClose();
}

// The conversations that the text is found in, by title or message; null: all.
function useSearch(text) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    if (!text.trim()) return setFound(null);
    const timer = setTimeout(async () => setFound(await search(text.trim())), kSearchMs);
    return () => clearTimeout(timer);
  }, [text]);
  const inTitle = (c) => c.title.toLowerCase().includes(text.trim().toLowerCase());
  return conversations.value.filter((c) => !text.trim() || inTitle(c) || found?.has(c.id));
}

function Entry({ conversation, onClose }) {
  const { id, title } = conversation;
  const current = open.value?.id === id;
  const onDelete = () => confirm(`Delete “${title}”?`) && remove(id);
  const onRename = () => {
    const next = prompt('Title', title)?.trim();
    if (next) rename(next);
  };
  return (
    <li class={current ? 'current' : ''}>
      <a href={`#/chat/${id}`} dir="auto" aria-current={current ? 'page' : undefined} onClick={onClose}>
        {title}{running.value.has(id) && <span class="sr-only"> (is being answered)</span>}
      </a>
      {current && <button type="button" aria-label={`Rename ${title}`} onClick={onRename}>Rename</button>}
      <button type="button" aria-label={`Delete ${title}`} onClick={onDelete}>Delete</button>
    </li>
  );
}

function Files() {
  const [said, setSaid] = useState('');
  const input = useRef(null);
  const onExport = async () => download('puna-chats.json', JSON.stringify(await exportAll(), null, 1));
  const onImport = async (event) => {
    const [file] = event.target.files;
    try {
      const read = readExport(JSON.parse(await file.text()));
      await addAll(read);
      await refreshList();
      setSaid(`${plural(read.conversations.length, 'chat')} imported.`);
    } catch (error) {
      setSaid(`Nothing was imported. ${error.message}`);
    }
    event.target.value = '';
  };
  return (
    <div class="files">
      <button type="button" onClick={onExport}>Export</button>
      <button type="button" onClick={() => input.current.click()}>Import</button>
      <input ref={input} type="file" accept=".json,application/json" hidden aria-label="File to import" onChange={onImport} />
      <p class="hint" role="status">{said}</p>
    </div>
  );
}

export function Sidebar({ shown, onClose }) {
  const [text, setText] = useState('');
  const found = useSearch(text);
  return (
    <nav id="sidebar" class={shown ? 'shown' : ''} aria-label="Chats" onKeyDown={(e) => e.key === 'Escape' && onClose()}>
      <button type="button" class="primary" onClick={() => go(null, onClose)}>New chat</button>
      <input type="search" aria-label="Search chats" placeholder="Search" value={text} onInput={(e) => setText(e.target.value)} />
      <ul>
        {found.map((conversation) => <Entry key={conversation.id} conversation={conversation} onClose={onClose} />)}
      </ul>
      {!found.length && <p class="hint">{text ? 'Nothing was found.' : 'No chats yet.'}</p>}
      <Files />
    </nav>
  );
}

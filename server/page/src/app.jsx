import { useEffect, useRef, useState } from 'preact/hooks';
import { announcement, open, thread } from './chat.js';
import { Composer } from './composer.jsx';
import { EngineView } from './engine.jsx';
import { KeyDialog } from './key_dialog.jsx';
import { Message } from './message.jsx';
import { model, server } from './server.js';
import { Settings } from './settings.jsx';
import { Sidebar } from './sidebar.jsx';
import { view } from './view.js';

const kNearEnd = 80; // pixels: who reads further up is not scrolled away

function Banner() {
  const { state, progress, message } = server.value;
  if (state === 'gone') return <div class="banner" role="alert">{message ?? 'The server does not answer. Trying again…'}</div>;
  if (state !== 'loading') return null;
  return (
    <div class="banner" role="status">
      The model is being loaded: {Math.round(progress * 100)} % <progress aria-label="Loading" max="1" value={progress} />
    </div>
  );
}

function Welcome() {
  return (
    <div class="welcome">
      <h1>{model.value.id || 'puna'}</h1>
      <p>Everything you write stays on this server and in this browser.</p>
    </div>
  );
}

// The conversation; it stays at its end while an answer grows, unless its reader scrolled up.
function Thread() {
  const box = useRef(null);
  const atEnd = useRef(true);
  const path = thread.value;
  useEffect(() => {
    atEnd.current = true;
  }, [open.value?.id]);
  useEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < kNearEnd;
  };
  return (
    <div class="thread" ref={box} onScroll={onScroll} tabIndex={0} role="region" aria-label="Conversation">
      {path.length ? <h1 class="sr-only">{open.value?.title}</h1> : <Welcome />}
      {path.map((message) => (
        <Message key={message.id} message={message} />
      ))}
    </div>
  );
}

// Each new conversation has an address, so that back, reload and bookmarks work.
function useAddress() {
  const id = open.value?.id;
  useEffect(() => {
    if (id && view.value === 'chat' && !location.hash.endsWith(`/${id}`)) history.pushState(null, '', `#/chat/${id}`);
  }, [id]);
}

const Chat = () => (
  <>
    <Thread />
    <Composer />
  </>
);

const SkipLink = () => (
  <a class="skip" href="#question" onClick={(e) => (e.preventDefault(), document.getElementById('question').focus())}>
    To the question
  </a>
);

function OtherView() {
  if (view.value === 'chat') return <a class="button" href="#/engine">Engine</a>;
  return <a class="button" href={open.value ? `#/chat/${open.value.id}` : '#/'}>Chat</a>;
}

export function App() {
  const [menu, setMenu] = useState(false);
  const [settings, setSettings] = useState(false);
  useAddress();
  return (
    <>
      {view.value === 'chat' && <SkipLink />}
      <Sidebar shown={menu} onClose={() => setMenu(false)} />
      <main>
        <header>
          <button type="button" class="menu" aria-expanded={menu} aria-controls="sidebar" onClick={() => setMenu(!menu)}>
            Chats
          </button>
          <span class="model" dir="auto">{view.value === 'chat' ? open.value?.title ?? model.value.id : model.value.id}</span>
          <OtherView />
          <button type="button" onClick={() => setSettings(true)}>Settings</button>
        </header>
        <Banner />
        {view.value === 'engine' ? <EngineView /> : <Chat />}
      </main>
      {settings && <Settings onClose={() => setSettings(false)} />}
      {server.value.state === 'locked' && <KeyDialog wrong={server.value.wrong} />}
      <div class="sr-only" role="status">{announcement.value}</div>
    </>
  );
}

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { again, edit, goOn, isBusy, isRunning, kSilentMs, look, messages, showSibling, stateOf } from './chat.js';
import { JsonView } from './json_view.jsx';
import { MarkdownStream } from './markdown.js';
import { Stats } from './stats.jsx';
import { copyText, plural, visible } from './text.js';
import { TokenView } from './token_view.jsx';
import { childrenOf } from './tree.js';

function Markdown({ text, done }) {
  const stream = useRef(null);
  stream.current ??= new MarkdownStream();
  const blocks = useMemo(() => stream.current.blocks(text, done), [text, done]);
  return blocks.map((html, i) => <div key={i} class="block" dir="auto" dangerouslySetInnerHTML={{ __html: html }} />);
}

function parsedAnswer(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

function CopyButton({ text }) {
  const [done, setDone] = useState(false);
  const onClick = async () => {
    await copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" onClick={onClick}>{done ? 'Copied' : 'Copy'}</button>;
}

// Which of several tries this is, and the way to the others.
function Branches({ message }) {
  const siblings = childrenOf(message.parent, messages.value).filter((m) => m.role === message.role);
  if (siblings.length < 2) return null;
  const at = siblings.findIndex((m) => m.id === message.id);
  return (
    <span class="branches" role="group" aria-label="Versions">
      <button type="button" aria-label="Previous version" disabled={at === 0} onClick={() => showSibling(message, -1)}>‹</button>
      <span>{at + 1} of {siblings.length}</span>
      <button type="button" aria-label="Next version" disabled={at + 1 === siblings.length}
        onClick={() => showSibling(message, 1)}>›</button>
    </span>
  );
}

function Attachment({ name, text }) {
  return (
    <details class="attachment">
      <summary dir="auto">{visible(name)} <span class="hint">{plural(text.length, 'character')}</span></summary>
      <pre tabIndex={0} dir="auto">{visible(text)}</pre>
    </details>
  );
}

function Editor({ message, onEnd }) {
  const [text, setText] = useState(message.content);
  const box = useRef(null);
  useEffect(() => box.current.focus(), []);
  const onSubmit = (event) => {
    event.preventDefault();
    onEnd();
    edit(message, text);
  };
  return (
    <form class="editor" onSubmit={onSubmit} onKeyDown={(e) => e.key === 'Escape' && onEnd()}>
      <textarea ref={box} aria-label="Edit the question" dir="auto" rows={4} value={text}
        onInput={(e) => setText(e.target.value)} />
      <button type="submit" class="primary" disabled={!text.trim() || isBusy.value}>Ask this instead</button>
      <button type="button" onClick={onEnd}>Cancel</button>
    </form>
  );
}

function Question({ message }) {
  const [editing, setEditing] = useState(false);
  return (
    <article class="user">
      <h2 class="sr-only">You</h2>
      {(message.attachments ?? []).map((file, i) => <Attachment key={i} {...file} />)}
      {editing
        ? <Editor message={message} onEnd={() => setEditing(false)} />
        : <div class="bubble" dir="auto">{visible(message.content)}</div>}
      <div class="actions">
        <CopyButton text={message.content} />
        <button type="button" disabled={isBusy.value} onClick={() => setEditing(!editing)}>Edit</button>
        <Branches message={message} />
      </div>
    </article>
  );
}

function ToolResult({ message }) {
  return (
    <article class="tool">
      <h2 class="sr-only">Tool</h2>
      <p>{visible(message.name ?? 'tool')} answered <code dir="auto">{visible(message.content)}</code></p>
    </article>
  );
}

function Calls({ calls = [] }) {
  return calls.map((call, i) => (
    <p key={i} class="call">calls {visible(call.name)} <code dir="auto">{visible(call.arguments)}</code></p>
  ));
}

const kEnds = { stopped: 'Stopped.', length: 'The longest answer was reached.' };

function Ending({ message, state }) {
  if (state === 'failed') return <p class="error" role="alert">{message.error}</p>;
  const why = state === 'stopped' ? 'stopped' : message.finish;
  return kEnds[why] ? <p class="hint">{kEnds[why]}</p> : null;
}

// Looks again once a message that another tab writes would be silent for too long.
function useSilence(message, state) {
  useEffect(() => {
    if (state !== 'writing' || isRunning.value) return undefined;
    const timer = setTimeout(look, kSilentMs);
    return () => clearTimeout(timer);
  }, [message.saved, state]);
}

function Body({ message, state }) {
  const json = useMemo(() => (state === 'writing' ? undefined : parsedAnswer(message.content)), [message.content, state]);
  const [raw, setRaw] = useState(false);
  if (!json) return <Markdown text={message.content} done={state !== 'writing'} />;
  return (
    <>
      {raw ? <pre tabIndex={0}>{visible(message.content)}</pre> : <JsonView value={json} />}
      <button type="button" aria-pressed={raw} onClick={() => setRaw(!raw)}>As it was written</button>
    </>
  );
}

function Answer({ message }) {
  const [tokens, setTokens] = useState(false);
  const state = stateOf(message);
  useSilence(message, state);
  const brokenOff = state === 'stopped' || state === 'failed' || message.finish === 'length';
  const unfinished = message.content && !message.calls?.length && brokenOff;
  return (
    <article class="assistant" aria-busy={state === 'writing'}>
      <h2 class="sr-only">Answer</h2>
      {state === 'writing' && !message.content && <p class="waiting">Waiting for the first token</p>}
      {tokens ? <TokenView tokens={message.logprobs} /> : <Body message={message} state={state} />}
      <Calls calls={message.calls} />
      <Ending message={message} state={state} />
      {message.warnings && <p class="hint" dir="auto">The server notes: {visible(message.warnings)}</p>}
      {state !== 'writing' && (
        <div class="actions">
          <CopyButton text={message.content} />
          <button type="button" disabled={isBusy.value} onClick={() => again(message)}>Regenerate</button>
          {unfinished && <button type="button" disabled={isBusy.value} onClick={() => goOn(message)}>Continue</button>}
          {message.logprobs?.length > 0 &&
            <button type="button" aria-pressed={tokens} onClick={() => setTokens(!tokens)}>Probabilities</button>}
          <Branches message={message} />
          <Stats stats={message.stats} />
        </div>
      )}
    </article>
  );
}

const kViews = { user: Question, assistant: Answer, tool: ToolResult };

export function Message({ message }) {
  const View = kViews[message.role];
  return <View message={message} />;
}

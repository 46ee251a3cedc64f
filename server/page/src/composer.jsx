import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from './api.js';
import { ask, isBusy, isRunning, open, settings, stop, thread } from './chat.js';
import { wireMessages } from './request.js';
import { isReady, model } from './server.js';
import { plural, visible } from './text.js';
import { toolSpecs } from './tools.js';

const kCountMs = 400;
const kLongPaste = 2000; // characters: more becomes an attachment
const kMaxFile = 4 << 20;

// What the prompt would cost, as the server's own tokenizer and template have it.
function usePromptTokens(content, attachments) {
  const [count, setCount] = useState(null);
  const path = thread.value;
  useEffect(() => {
    const controller = new AbortController();
    if (!content.trim() && !attachments.length) return setCount(null);
    const timer = setTimeout(async () => {
      const messages = wireMessages([...path, { role: 'user', content, attachments }], settings.value);
      const body = { messages, ...(settings.value.tools ? { tools: toolSpecs() } : {}) };
      setCount(await call('/tokenize', { body, abort: controller.signal }).then((reply) => reply.count, () => null));
    }, kCountMs);
    return () => (clearTimeout(timer), controller.abort());
  }, [content, attachments, path.length, settings.value]);
  return count;
}

function Count({ tokens }) {
  if (tokens === null) return null;
  const limit = model.value.max_model_len;
  const full = tokens >= limit;
  return (
    <span class={full ? 'error' : 'hint'} role="status">
      {plural(tokens, 'token')} of {limit.toLocaleString()}{full && ': no room for an answer'}
    </span>
  );
}

async function readFile(file) {
  if (file.size > kMaxFile) throw new Error(`${file.name} is larger than 4 MiB.`);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  return { name: file.name, text };
}

function useAttachments() {
  const [attachments, setAttachments] = useState([]);
  const [fault, setFault] = useState('');
  const addFiles = async (files) => {
    setFault('');
    for (const file of files) {
      await readFile(file).then(
        (read) => setAttachments((list) => [...list, read]),
        (error) => setFault(error instanceof TypeError ? `${file.name} is no text (UTF-8).` : error.message),
      );
    }
  };
  const addText = (text) => setAttachments((list) => [...list, { name: `pasted text ${list.length + 1}`, text }]);
  const drop = (i) => setAttachments((list) => list.filter((_, at) => at !== i));
  return { attachments, fault, addFiles, addText, drop, clear: () => setAttachments([]) };
}

function Attached({ attachments, onDrop }) {
  if (!attachments.length) return null;
  return (
    <ul class="attached" aria-label="Attached">
      {attachments.map(({ name, text }, i) => (
        <li key={i}>
          <span dir="auto">{visible(name)}</span> <span class="hint">{plural(text.length, 'character')}</span>
          <button type="button" aria-label={`Remove ${name}`} onClick={() => onDrop(i)}>×</button>
        </li>
      ))}
    </ul>
  );
}

function Modes() {
  const { tools, schemaOn, logprobs } = settings.value;
  const on = [tools && 'tools', schemaOn && 'JSON schema', logprobs && 'probabilities'].filter(Boolean);
  return on.length ? <span class="hint">With {on.join(', ')}</span> : null;
}

export function Composer() {
  const [text, setText] = useState('');
  const files = useAttachments();
  const chooser = useRef(null);
  const box = useRef(null);
  const tokens = usePromptTokens(text, files.attachments);
  useEffect(() => box.current.focus(), [open.value?.id]);
  const canSend = isReady.value && !isBusy.value && (text.trim() !== '' || files.attachments.length > 0);

  const send = () => {
    if (!canSend) return;
    ask(text, files.attachments);
    setText('');
    files.clear();
  };
  const onKeyDown = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event) => {
    const pasted = event.clipboardData.getData('text/plain');
    if (event.clipboardData.files.length) files.addFiles(event.clipboardData.files);
    else if (pasted.length > kLongPaste) files.addText(pasted);
    else return;
    event.preventDefault();
  };
  const onDrop = (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    files.addFiles(event.dataTransfer.files);
  };
  return (
    <form class="composer" aria-label="Ask" onSubmit={(e) => (e.preventDefault(), send())} onDrop={onDrop}
      onDragOver={(e) => e.preventDefault()}>
      <Attached attachments={files.attachments} onDrop={files.drop} />
      {files.fault && <p class="error" role="alert">{files.fault}</p>}
      <textarea id="question" ref={box} dir="auto" rows={2} aria-label="Your question" placeholder="Ask something"
        value={text} onInput={(e) => setText(e.target.value)} onKeyDown={onKeyDown} onPaste={onPaste} />
      <div class="row">
        <button type="button" onClick={() => chooser.current.click()}>Attach</button>
        <input ref={chooser} type="file" multiple hidden aria-label="Text files to attach"
          onChange={(e) => files.addFiles([...e.target.files]).then(() => (e.target.value = ''))} />
        <Count tokens={tokens} />
        <Modes />
        {isRunning.value ? (
          <button type="button" class="primary" onClick={stop}>Stop</button>
        ) : (
          <button type="submit" class="primary" disabled={!canSend}>Send</button>
        )}
      </div>
    </form>
  );
}

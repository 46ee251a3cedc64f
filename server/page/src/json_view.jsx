// A parsed answer as a tree that opens and closes.
import { visible } from './text.js';

const kMaxShown = 200;
const kOpenDepth = 3;

function Scalar({ value }) {
  return <code class={`json-${value === null ? 'null' : typeof value}`} dir="auto">{visible(JSON.stringify(value))}</code>;
}

function Rows({ entries, depth }) {
  return (
    <ul class="json">
      {entries.slice(0, kMaxShown).map(([name, value]) => (
        <li key={name}><Node name={name} value={value} depth={depth + 1} /></li>
      ))}
      {entries.length > kMaxShown && <li class="hint">and {entries.length - kMaxShown} more</li>}
    </ul>
  );
}

function Node({ name, value, depth }) {
  const label = <span class="json-name" dir="auto">{visible(String(name))}</span>;
  if (value === null || typeof value !== 'object') return <>{label}: <Scalar value={value} /></>;
  const entries = Object.entries(value);
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <details open={depth < kOpenDepth}>
      <summary>{label} <span class="hint">{size}</span></summary>
      {depth < 50 ? <Rows entries={entries} depth={depth} /> : <Scalar value="…" />}
    </details>
  );
}

export function JsonView({ value }) {
  return (
    <div class="json-view" role="group" aria-label="Parsed answer">
      <Rows entries={Object.entries(value)} depth={0} />
    </div>
  );
}

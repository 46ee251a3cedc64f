// The window into the engine: its sequences, its steps, its KV cache, while one looks.
import { useEffect, useRef } from 'preact/hooks';
import { evicted, fault, look, picture, rates, steps } from './engine.js';
import { plural } from './text.js';

const share = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : 'none yet');
const gib = (bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

function Figures({ of }) {
  const { tokens = 0, watts = 0 } = rates.value;
  const rows = [
    ['Running', of.running],
    ['Waiting', of.waiting],
    ['Tokens/s', tokens.toFixed(1)],
    ['Prefix found', share(of.prefix_cache.found_tokens, of.prefix_cache.asked_tokens)],
    ['Evicted', plural(of.blocks.evictions, 'block')],
    ['Guesses accepted', share(of.guesses.accepted, of.guesses.made)],
    ['Preempted', of.preemptions],
    ['Memory', of.memory.resident_bytes === null ? 'unknown' : gib(of.memory.resident_bytes)],
    ['Power', `${watts.toFixed(1)} W`],
  ];
  return (
    <dl class="figures">
      {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

const kChartHeight = 120;
const kBarWidth = 6;

// A bar for each step: as high as it took, divided by rows of prompts and of decoding; the line is the pace it aims at.
function Steps() {
  const shown = steps.value;
  const top = Math.max(1, ...shown.map((step) => Math.max(step.ms, step.target_ms)));
  const last = shown.at(-1);
  const said = last
    ? `Last step: ${plural(last.prompt_rows, 'prompt row')}, ${plural(last.decode_rows, 'decode row')}, ${last.ms} ms` +
      (last.target_ms ? `; the pace beside streams is ${last.target_ms} ms.` : '.')
    : 'No step yet.';
  return (
    <section aria-label="Steps">
      <h2>Steps</h2>
      <svg class="steps" viewBox={`0 0 ${120 * kBarWidth} ${kChartHeight}`} preserveAspectRatio="none" role="img"
        aria-label={`The last ${shown.length} steps, the slowest of ${top} ms`}>
        {shown.map((step, i) => <Bar key={step.number} step={step} x={i * kBarWidth} scale={kChartHeight / top} />)}
      </svg>
      <p class="hint">{said}</p>
      <Legend entries={[['prompt', 'prompt rows'], ['decode', 'decode rows'], ['target', 'pace']]} />
    </section>
  );
}

function Bar({ step, x, scale }) {
  const height = step.ms * scale;
  const prompt = Math.min(height, (height * step.prompt_rows) / Math.max(1, step.prompt_rows + step.decode_rows));
  const width = kBarWidth - 1;
  return (
    <g>
      <rect class="prompt" x={x} y={kChartHeight - prompt} width={width} height={prompt} />
      <rect class="decode" x={x} y={kChartHeight - height} width={width} height={height - prompt} />
      {step.target_ms > 0 && <rect class="target" x={x} y={kChartHeight - step.target_ms * scale} width={kBarWidth} height="1.5" />}
    </g>
  );
}

function Legend({ entries }) {
  return (
    <ul class="legend">
      {entries.map(([name, text]) => <li key={name}><span class={`swatch ${name}`} /> {text}</li>)}
    </ul>
  );
}

function Progress({ label, value, max, text }) {
  return (
    <>
      <progress aria-label={label} max={Math.max(1, max)} value={Math.min(value, Math.max(1, max))} /> {text}
    </>
  );
}

// Why a prompt was not found in the cache, or not all of it: in a word, and in several.
const kMisses = {
  nothing: ['all', 'all of it was found'],
  new: ['new', 'nothing begins like it'],
  continued: ['goes on', 'it goes on behind what is cached'],
  branched: ['other text', 'what is cached goes on with another text'],
  evicted: ['evicted', 'it was cached, and was evicted'],
  barred: ['not asked', 'it had to be computed whole'],
};

function SequenceRow({ s }) {
  const computed = Math.min(s.computed_tokens, s.prompt_tokens);
  return (
    <tr>
      <th scope="row">{s.number}</th>
      <td>{s.state}{s.preemptions > 0 && `, preempted ${plural(s.preemptions, 'time')}`}</td>
      <td>
        <Progress label={`Prompt of ${s.number}`} value={computed} max={s.prompt_tokens}
          text={`${computed} of ${s.prompt_tokens}`} />
      </td>
      <td title={s.missed && kMisses[s.missed][1]}>{s.missed && `${s.cached_tokens}, ${kMisses[s.missed][0]}`}</td>
      <td>
        <Progress label={`Output of ${s.number}`} value={s.output_tokens} max={s.max_output_tokens}
          text={`${s.output_tokens} of at most ${s.max_output_tokens}`} />
      </td>
    </tr>
  );
}

function Sequences({ of }) {
  return (
    <section aria-label="Sequences">
      <h2>Sequences</h2>
      <div class="wide" tabIndex={0} role="region" aria-label="Table of sequences">
        <table>
          <thead>
            <tr>
              <th scope="col">No.</th><th scope="col">State</th><th scope="col">Prompt</th><th scope="col">Found in the cache</th>
              <th scope="col">Output</th>
            </tr>
          </thead>
          <tbody>{of.sequences.map((s) => <SequenceRow key={s.number} s={s} />)}</tbody>
        </table>
      </div>
      {!of.sequences.length && <p class="hint">Nobody is being answered.</p>}
      {of.sequences_left_out > 0 && <p class="hint">and {of.sequences_left_out} more</p>}
    </section>
  );
}

const kUses = [
  ['w', 'written', 'being written'],
  ['s', 'shared', 'shared'],
  ['h', 'held', 'held by one'],
  ['P', 'protected', 'cached, protected'],
  ['p', 'probation', 'cached, on probation'],
  ['.', 'empty', 'free'],
];
const kCell = 9;

function count(cells) {
  const counts = {};
  for (const letter of cells) counts[letter] = (counts[letter] ?? 0) + 1;
  return counts;
}

// Each use has the colour of its sign in the legend.
function paint(canvas, cells, gone) {
  const columns = Math.max(1, Math.floor(canvas.parentElement.clientWidth / kCell));
  const colourOf = (name) => getComputedStyle(canvas.closest('section').querySelector(`.swatch.${name}`)).backgroundColor;
  const colours = Object.fromEntries(kUses.map(([letter, name]) => [letter, colourOf(name)]));
  canvas.width = columns * kCell;
  canvas.height = Math.ceil(cells.length / columns) * kCell;
  const context = canvas.getContext('2d');
  const place = (i) => [(i % columns) * kCell, Math.floor(i / columns) * kCell];
  for (let i = 0; i < cells.length; ++i) {
    context.fillStyle = colours[cells[i]];
    context.fillRect(...place(i), kCell - 1, kCell - 1);
  }
  context.fillStyle = colourOf('evicted'); // a mark in the cell: its block has another use now
  for (const [x, y] of gone.map(place)) context.fillRect(x + 2, y + 2, kCell - 5, kCell - 5);
}

// What was computed again or for the first time, by why it was not found.
function Missed({ tokens }) {
  const rows = Object.entries(tokens).filter(([, count]) => count > 0);
  if (!rows.length) return null;
  const missed = rows.map(([why, count]) => `${count}, as ${kMisses[why][1]}`).join('; ');
  return <p class="hint">Prompt tokens that were not found: {missed}.</p>;
}

function Blocks({ blocks, missed }) {
  const canvas = useRef(null);
  const counts = count(blocks.cells);
  const gone = evicted.value;
  useEffect(() => paint(canvas.current, blocks.cells, gone), [blocks.cells, gone]);
  const described = [...kUses.map(([letter, name, text]) => [name, `${text}: ${counts[letter] ?? 0}`]),
    ['evicted', `evicted just now: ${gone.length}`]];
  return (
    <section aria-label="KV cache">
      <h2>KV cache</h2>
      <div>
        <canvas ref={canvas} class="blocks" role="img"
          aria-label={`Map of blocks. ${described.map(([, text]) => text).join('; ')}`} />
      </div>
      <Legend entries={described} />
      <p class="hint">
        {blocks.total} blocks of {blocks.tokens_per_block} tokens: {blocks.held} held, {blocks.cached} cached.
        {blocks.per_cell > 1 && ` A cell stands for ${blocks.per_cell} blocks, and shows the busiest of them.`}
      </p>
      <Missed tokens={missed} />
    </section>
  );
}

export function EngineView() {
  useEffect(look, []);
  const of = picture.value;
  return (
    <div class="thread engine" tabIndex={0} role="region" aria-label="Engine">
      <h1>Engine</h1>
      {fault.value && <p class="error" role="alert">{fault.value}</p>}
      {!of && !fault.value && <p class="hint">Waiting for the engine.</p>}
      {of && (
        <>
          <Figures of={of} />
          <Steps />
          <Sequences of={of} />
          <Blocks blocks={of.blocks} missed={of.prefix_cache.missed_tokens} />
        </>
      )}
    </div>
  );
}

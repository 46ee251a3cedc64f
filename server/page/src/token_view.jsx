// An answer token by token: colour says how likely each was, and the one that is pointed at shows its alternatives.
import { useState } from 'preact/hooks';
import { visible } from './text.js';

const kMaxShown = 2000;
const kClasses = [0.9, 0.6, 0.3, 0.1];

const probability = (logprob) => Math.exp(logprob);
const percent = (logprob) => `${(100 * probability(logprob)).toFixed(1)} %`;
const colour = (logprob) => `p${kClasses.filter((bound) => probability(logprob) < bound).length}`;
const shownToken = (token) => visible(token).replace(/ /g, '\u00b7').replace(/\n/g, '\u21b5').replace(/\t/g, '\u21e5') || '\u2205';

function Alternatives({ token }) {
  return (
    <table aria-label="Alternatives">
      <thead><tr><th scope="col">Token</th><th scope="col">Probability</th></tr></thead>
      <tbody>
        {token.top.map((other, i) => (
          <tr key={i} class={other.token === token.token ? 'chosen' : ''}>
            <td><code>{shownToken(other.token)}</code></td>
            <td>
              {percent(other.logprob)}{' '}
              <meter min="0" max="1" value={probability(other.logprob)} aria-label={percent(other.logprob)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// One stop for the Tab key; arrows go from token to token.
function onArrow(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = step === 1 ? event.target.nextElementSibling : event.target.previousElementSibling;
  if (!step || !next) return;
  event.preventDefault();
  next.focus();
}

export function TokenView({ tokens }) {
  const [at, setAt] = useState(0);
  const shown = tokens.slice(0, kMaxShown);
  return (
    <div class="token-view">
      <div class="tokens" role="group" aria-label="Tokens by probability" dir="auto" onKeyDown={onArrow}>
        {shown.map((token, i) => (
          <button key={i} type="button" class={`token ${colour(token.logprob)}`} tabIndex={i === at ? 0 : -1}
            aria-pressed={i === at} aria-label={`${visible(token.token)}, ${percent(token.logprob)}`}
            onMouseEnter={() => setAt(i)} onFocus={() => setAt(i)}>
            {shownToken(token.token)}
          </button>
        ))}
      </div>
      {tokens.length > kMaxShown && <p class="hint">The first {kMaxShown} of {tokens.length} tokens.</p>}
      <div role="status"><Alternatives token={shown[Math.min(at, shown.length - 1)]} /></div>
    </div>
  );
}

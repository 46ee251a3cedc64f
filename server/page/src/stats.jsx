// What an answer took, as the page saw it (times) and as the server counted it (tokens, cache, energy).

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function figures({ tokens, perSecond, firstMs, prompt, cached, joules, energySource }) {
  return [
    perSecond !== undefined && [`${perSecond.toFixed(1)} tokens/s`, 'from the first token to the last'],
    tokens !== undefined && [`${tokens} tokens`, 'of the answer'],
    firstMs !== undefined && [`first after ${seconds(firstMs)}`, 'from sending to the first token'],
    prompt !== undefined &&
      [`prompt ${prompt}, ${cached ?? 0} cached`, 'tokens of the prompt, and how many of them the KV cache held'],
    joules !== undefined && [`${joules < 10 ? joules.toFixed(2) : Math.round(joules)} J`, `energy, ${energySource}`],
  ].filter(Boolean);
}

export function Stats({ stats }) {
  if (!stats) return null;
  return (
    <ul class="stats" aria-label="Figures of this answer">
      {figures(stats).map(([text, title]) => <li key={title} title={title}>{text}</li>)}
    </ul>
  );
}

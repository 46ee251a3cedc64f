// What a model writes is shown as text, whatever is in it.

// Overrides and embeddings reorder what stands around them; legitimate right-to-left text does without.
const kUnsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\ufff9-\ufffb]/g;

function shown(c) {
  const code = c.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
}

// Control characters (terminals' escape sequences among them) and bidirectional overrides become visible signs.
export const visible = (text) => text.replace(/\r\n?/g, '\n').replace(kUnsafe, shown);

const kEntities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => kEntities[c]);

export const plural = (n, what) => `${n.toLocaleString()} ${what}${n === 1 ? '' : 's'}`;

function copyByHand(text) {
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

// navigator.clipboard is there on https and loopback alone.
export async function copyText(text) {
  if (!navigator.clipboard) return copyByHand(text);
  return navigator.clipboard.writeText(text).catch(() => copyByHand(text));
}

export function download(name, text, type = 'application/json') {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

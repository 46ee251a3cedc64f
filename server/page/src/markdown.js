// Markdown to sanitised HTML, block by block, so that a streamed answer renders only its end anew.
import DOMPurify from 'dompurify';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { Marked, Lexer, Parser } from 'marked';
import { escapeHtml, visible } from './text.js';

const kLanguages = { bash, cpp, css, diff, go, java, javascript, json, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(kLanguages)) hljs.registerLanguage(name, language);

// Beyond these, text is shown plainly: what a hostile answer can cost stays bounded.
const kMaxHighlighted = 20_000;
const kMaxInline = 20_000;

function highlighted(code, language) {
  if (!hljs.getLanguage(language) || code.length > kMaxHighlighted) return escapeHtml(code);
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}

const isHarmless = (href) => /^(https?:\/\/|mailto:)/i.test(href);

const link = (href, text) =>
  isHarmless(href)
    ? `<a href="${escapeHtml(href)}" target="_blank" rel="noopener noreferrer">${text}</a>`
    : `${text} (${escapeHtml(href)})`;

// Raw HTML is shown as it was written. Pictures become links: nothing is fetched because a model says so. Headings stand
// below those of the page.
const renderer = {
  html: ({ text, block }) => (block ? `<p class="raw">${escapeHtml(text.trimEnd())}</p>` : escapeHtml(text)),
  image: ({ href, text }) => link(href, escapeHtml(text || href)),
  link({ href, tokens }) {
    return link(href, this.parser.parseInline(tokens));
  },
  heading({ tokens, depth }) {
    const level = Math.min(6, depth + 2);
    return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
  },
  checkbox: ({ checked }) => (checked ? '\u2611 ' : '\u2610 '),
  code({ text, lang }) {
    const language = (lang ?? '').trim().split(/\s/)[0];
    return (
      `<div class="code"><div class="code-head"><span>${escapeHtml(language.slice(0, 30) || 'text')}</span>` +
      `<button type="button" class="copy">Copy</button></div>` +
      `<pre tabindex="0" dir="ltr"><code>${highlighted(text, language.toLowerCase())}</code></pre></div>`
    );
  },
};

const options = { ...new Marked({ gfm: true, renderer }).defaults };

const kTags =
  'a b blockquote br button code del div em h3 h4 h5 h6 hr i li ol p pre s span strong sub sup table tbody td th thead tr ul';
const kPurify = {
  ALLOWED_TAGS: kTags.split(' '),
  ALLOWED_ATTR: ['href', 'class', 'dir', 'align', 'rel', 'start', 'tabindex', 'target', 'type'],
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
};

const kOwnDirection = new Set(['P', 'LI', 'H3', 'H4', 'H5', 'H6', 'TD', 'TH', 'BLOCKQUOTE']);
DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (kOwnDirection.has(node.tagName)) node.setAttribute('dir', 'auto');
  if (node.tagName === 'TABLE') node.setAttribute('tabindex', '0');
});

const plain = (text) => DOMPurify.sanitize(`<p>${escapeHtml(text)}</p>`, kPurify);

function toHtml(token) {
  try {
    return DOMPurify.sanitize(new Parser(options).parse([token]), kPurify);
  } catch {  // nested deeper than the stack
    return plain(token.raw);
  }
}

function tokensOf(text, links) {
  const lexer = new Lexer(options);
  lexer.tokens.links = links;
  try {
    lexer.blockTokens(text, lexer.tokens);
    for (const { src, tokens } of lexer.inlineQueue) {
      if (src.length > kMaxInline) tokens.push({ type: 'text', raw: src, text: src });
      else lexer.inlineTokens(src, tokens);
    }
    return lexer.tokens;
  } catch {
    return [{ type: 'paragraph', raw: text, text, tokens: [{ type: 'text', raw: text, text }] }];
  }
}

export class MarkdownStream {
  #source = '';
  #offset = 0; // of what is not settled yet
  #settled = []; // HTML of blocks that nothing behind them can change
  #links = {};

  // The blocks of the text as HTML. As long as it only grows, what is settled is not looked at again.
  blocks(raw, done) {
    const text = visible(raw);
    if (done || !text.startsWith(this.#source)) {
      this.#offset = 0;
      this.#settled = [];
      this.#links = {};
    }
    this.#source = text;
    const tokens = tokensOf(text.slice(this.#offset), this.#links);
    const last = tokens.findLastIndex((token) => token.type !== 'space');
    tokens.slice(0, Math.max(0, last)).forEach((token) => this.#settle(token));
    return last < 0 ? [...this.#settled] : [...this.#settled, toHtml(tokens[last])];
  }

  #settle(token) {
    this.#offset += token.raw.length;
    if (token.type !== 'space') this.#settled.push(toHtml(token));
  }
}

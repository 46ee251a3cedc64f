// Bundles the page: node build.mjs SOURCES MODULES OUT. SOURCES is this folder, MODULES where npm put node_modules, OUT gets
// index.html and the files that it names, each plain and gzipped, and assets.cc, which puts them into the binary.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [sources, modules, out] = process.argv.slice(2);
const { build } = createRequire(join(modules, 'package.json'))('esbuild');
const kMaxBytes = 150 << 10; // compressed, of everything that a first visit loads

const result = await build({
  entryPoints: [join(sources, 'src/boot.js'), join(sources, 'src/style.css')],
  nodePaths: [join(modules, 'node_modules')],
  bundle: true,
  splitting: true,
  minify: true,
  write: false,
  outdir: out,
  format: 'esm',
  target: 'es2023',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
});

const output = (pattern) => result.outputFiles.find((file) => pattern.test(basename(file.path)));
const contents = (pattern) => Buffer.from(output(pattern).contents);
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

// Names that change with what is in them may be kept for ever.
function asset(file, type, bytes, path = `/page/${digest(bytes)}-${file}`) {
  return { file, type, bytes, path, gzip: gzipSync(bytes, { level: 9 }), etag: digest(bytes) };
}

// What the libraries' licences ask to be handed on with them.
const libraries = ['preact', '@preact/signals', '@preact/signals-core', 'dompurify', 'highlight.js', 'idb', 'marked'];
function licenceOf(name) {
  const folder = join(modules, 'node_modules', name);
  const file = readdirSync(folder).find((entry) => /^licen[sc]e(\.(md|txt))?$/i.test(entry));
  return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}
const licenceTexts = libraries.map(licenceOf).join(`\n${'-'.repeat(80)}\n\n`);
const licences = asset('licences.txt', 'text/plain; charset=utf-8', Buffer.from(licenceTexts));
const kScript = 'text/javascript; charset=utf-8';
const script = asset('boot.js', kScript, contents(/^boot\.js$/));
// esbuild names it after its content, too, and boot.js asks for it by that name.
const rest = asset('puna.js', kScript, contents(/^main-\w+\.js$/), `/page/${basename(output(/^main-\w+\.js$/).path)}`);
const style = asset('puna.css', 'text/css; charset=utf-8', contents(/\.css$/));
// Relative to the page's address, which may have a prefix (--path-prefix).
const html = readFileSync(join(sources, 'src/index.html'), 'utf8')
  .replace('@SCRIPT@', script.path.slice(1))
  .replace('@STYLE@', style.path.slice(1))
  .replace('@REST@', rest.path.slice(1))
  .replace('@LICENCES@', licences.path.slice(1));
const assets = [asset('index.html', 'text/html; charset=utf-8', Buffer.from(html), '/'), script, rest, style, licences];

// The assembler copies the files in, which costs the compiler nothing.
const symbols = (label, path) =>
  `asm(".section .rodata\\n${label}_begin:\\n.incbin \\"${path}\\"\\n${label}_end:\\n.byte 0\\n.previous\\n");\n` +
  `extern const char ${label}_begin[] asm("${label}_begin");\nextern const char ${label}_end[] asm("${label}_end");\n`;
const text = (label) => `{${label}_begin, ${label}_end}`;

mkdirSync(out, { recursive: true });
let declared = '';
let rows = '';
assets.forEach(({ file, type, bytes, path, gzip, etag }, i) => {
  writeFileSync(join(out, file), bytes);
  writeFileSync(join(out, `${file}.gz`), gzip);
  declared += symbols(`puna_page_${i}`, join(out, file)) + symbols(`puna_page_${i}_gzip`, join(out, `${file}.gz`));
  rows += `      {"${path}", "${type}", ${text(`puna_page_${i}`)}, ${text(`puna_page_${i}_gzip`)}, "\\"${etag}\\""},\n`;
});
writeFileSync(
  join(out, 'assets.cc'),
  `// Made by server/page/build.mjs.\n#include "server/page/assets.h"\n\n${declared}\nnamespace puna::server {\n\n` +
    `std::vector<PageAsset> PageAssets() {\n  return {\n${rows}  };\n}\n\n}  // namespace puna::server\n`,
);

const total = assets.reduce((sum, { gzip }) => sum + gzip.length, 0);
if (total > kMaxBytes) throw new Error(`the page has ${total} bytes compressed; it may have ${kMaxBytes}`);
console.log(`the page: ${(total / 1024).toFixed(1)} KiB compressed`);

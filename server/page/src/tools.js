// Tools that run in the page, so that calling can be watched without anything else installed.

const kTools = {
  current_time: {
    description: 'The current date and time. Call it when the question depends on today or now.',
    parameters: {
      type: 'object',
      properties: { time_zone: { type: 'string', description: 'IANA name, as in Europe/Paris; empty for the local one' } },
      required: [],
    },
    run: ({ time_zone }) => {
      const options = { dateStyle: 'full', timeStyle: 'long' };
      if (time_zone) options.timeZone = time_zone;
      return { now: new Intl.DateTimeFormat('en-GB', options).format(new Date()) };
    },
  },
  calculator: {
    description: 'Evaluates an arithmetic expression with + - * / % ^, brackets, sqrt, sin, cos, tan, ln, log, exp, abs, pi, e.',
    parameters: {
      type: 'object',
      properties: { expression: { type: 'string', description: 'as in (2 + 3) * sqrt(16)' } },
      required: ['expression'],
    },
    run: ({ expression }) => ({ result: calculate(String(expression)) }),
  },
};

export const toolNames = Object.keys(kTools);

export const toolSpecs = () =>
  Object.entries(kTools).map(([name, { description, parameters }]) => ({
    type: 'function',
    function: { name, description, parameters },
  }));

// The result as JSON text; what goes wrong is a result, too, for the model to read.
export function runTool(name, argumentsText) {
  try {
    if (!Object.hasOwn(kTools, name)) throw new Error(`there is no tool ${name}`);
    return JSON.stringify(kTools[name].run(JSON.parse(argumentsText || '{}')));
  } catch (error) {
    return JSON.stringify({ error: error.message });
  }
}

const kFunctions = {
  sqrt: Math.sqrt, sin: Math.sin, cos: Math.cos, tan: Math.tan, ln: Math.log, log: Math.log10, exp: Math.exp, abs: Math.abs,
};
const kConstants = { pi: Math.PI, e: Math.E };
const kMaxDepth = 200;

// Recursive descent; ^ binds tighter than a sign and to the right.
export function calculate(text) {
  const tokens = text.replaceAll('**', '^').match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[a-z]+|\S/gi) ?? [];
  let at = 0;
  let depth = 0;
  const take = (token) => tokens[at] === token && ++at > 0;
  const expect = (token) => {
    if (!take(token)) throw new Error(`expected ${token}, found ${tokens[at] ?? 'the end'}`);
  };
  const binary = (next, operators) => () => {
    let value = next();
    while (Object.hasOwn(operators, tokens[at])) value = operators[tokens[at++]](value, next());
    return value;
  };
  const bracket = () => {
    if (++depth > kMaxDepth) throw new Error('too many brackets');
    const value = sum();
    expect(')');
    --depth;
    return value;
  };
  const atom = () => {
    const token = tokens[at++];
    if (token === '(') return bracket();
    if (/^[\d.]/.test(token ?? '')) return Number(token);
    const name = (token ?? '').toLowerCase();
    if (Object.hasOwn(kConstants, name)) return kConstants[name];
    if (!Object.hasOwn(kFunctions, name)) throw new Error(`${token ?? 'the end'} is no number and no function`);
    expect('(');
    return kFunctions[name](bracket());
  };
  const power = () => {
    const base = atom();
    return take('^') ? base ** signed() : base;
  };
  const signed = () => {
    let sign = 1;
    while (tokens[at] === '-' || tokens[at] === '+') sign *= tokens[at++] === '-' ? -1 : 1;
    return sign * power();
  };
  const product = binary(signed, { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b });
  const sum = binary(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  const value = sum();
  if (at < tokens.length) throw new Error(`${tokens[at]} was not expected`);
  if (!Number.isFinite(value)) throw new Error('the result is no finite number');
  return value;
}

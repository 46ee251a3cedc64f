import { useState } from 'preact/hooks';
import { changeSettings, settings } from './chat.js';
import { Dialog } from './dialog.jsx';
import { kNumbers, kOpenAiDefaults } from './request.js';
import { defaults, model } from './server.js';
import { applyTheme, theme } from './theme.js';
import { toolNames } from './tools.js';

function NumberField({ name, label, min, max, step, hint, unset }) {
  const usual = defaults.value[name] ?? kOpenAiDefaults[name];
  const onInput = ({ target }) => {
    if (target.value === '') changeSettings({ [name]: undefined });
    else if (target.checkValidity()) changeSettings({ [name]: Number(target.value) });
  };
  return (
    <label>
      {label}
      <input type="number" min={min} max={max} step={step === 1 ? 1 : 'any'} placeholder={usual === undefined ? unset : `${usual}`}
        value={settings.value[name] ?? ''} onInput={onInput} aria-describedby={`hint-${name}`} />
      <span class="hint" id={`hint-${name}`}>{hint}{usual !== undefined && `; this server: ${usual}`}</span>
    </label>
  );
}

function Switch({ name, children }) {
  return (
    <label class="switch">
      <input type="checkbox" checked={Boolean(settings.value[name])}
        onChange={(e) => changeSettings({ [name]: e.target.checked })} />
      {children}
    </label>
  );
}

function schemaFault(text) {
  try {
    const schema = JSON.parse(text);
    return schema !== null && typeof schema === 'object' ? '' : 'A schema is an object.';
  } catch (error) {
    return `This is no JSON: ${error.message}`;
  }
}

const kExample = `{
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "age": {"type": "integer"}
  },
  "required": ["name", "age"]
}`;

// What is typed counts once it is JSON.
function SchemaField() {
  const [text, setText] = useState(settings.value.schema ?? kExample);
  const fault = schemaFault(text);
  const onInput = ({ target }) => {
    setText(target.value);
    if (!schemaFault(target.value)) changeSettings({ schema: target.value });
  };
  const onSwitch = ({ target }) => changeSettings({ schemaOn: target.checked, schema: fault ? settings.value.schema : text });
  return (
    <fieldset>
      <legend>Form of the answer</legend>
      <label class="switch">
        <input type="checkbox" checked={Boolean(settings.value.schemaOn)}
          disabled={Boolean(fault) && !settings.value.schemaOn} onChange={onSwitch} />
        Answer in JSON of this schema
      </label>
      <label>
        JSON Schema
        <textarea class="mono" rows={8} spellcheck={false} value={text} onInput={onInput} aria-invalid={Boolean(fault)} />
      </label>
      {fault && <p class="error" role="alert">{fault}</p>}
    </fieldset>
  );
}

function ThemeField() {
  return (
    <label>
      Colours
      <select value={theme.value} onChange={(e) => applyTheme(e.target.value)}>
        <option value="system">as the system has them</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  );
}

export function Settings({ onClose }) {
  return (
    <Dialog title="Settings" onClose={onClose}>
      <p class="hint">
        Of this chat and of new ones. {model.value.id}, {model.value.max_model_len?.toLocaleString()} tokens of context.
      </p>
      <label>
        System prompt
        <textarea rows={4} dir="auto" value={settings.value.system ?? ''}
          onInput={(e) => changeSettings({ system: e.target.value })} />
      </label>
      <fieldset class="numbers">
        <legend>Sampling</legend>
        {kNumbers.map((field) => <NumberField key={field.name} {...field} />)}
        <label class="wide">
          Stop at
          <textarea rows={2} value={settings.value.stop ?? ''} onInput={(e) => changeSettings({ stop: e.target.value })} />
          <span class="hint">one text a line</span>
        </label>
      </fieldset>
      <SchemaField />
      <fieldset>
        <legend>More</legend>
        <Switch name="tools">Offer tools that run in this page: {toolNames.join(', ')}</Switch>
        <Switch name="logprobs">Keep each token's probability and its alternatives</Switch>
        <ThemeField />
      </fieldset>
      <p class="hint">
        <a href={document.querySelector('link[rel=license]').href} target="_blank" rel="noopener">Licences</a> of what this page is
        made of.
      </p>
    </Dialog>
  );
}

import { useState } from 'preact/hooks';
import { useKey } from './api.js';
import { Dialog } from './dialog.jsx';
import { check } from './server.js';

// Asks for one of the server's keys. It is kept until this tab is closed, and sent to this server alone.
export function KeyDialog({ wrong }) {
  const [key, setKey] = useState('');
  const onSubmit = (event) => {
    event.preventDefault();
    useKey(key);
    check();
  };
  return (
    <Dialog title="This server asks for a key">
      <form onSubmit={onSubmit}>
        <label>
          API key
          <input type="password" autocomplete="off" required value={key} onInput={(e) => setKey(e.target.value)} autofocus />
        </label>
        {wrong && <p class="error" role="alert">The server does not know this key.</p>}
        <p class="hint">It stays in this tab until you close it.</p>
        <button type="submit" class="primary">Use this key</button>
      </form>
    </Dialog>
  );
}

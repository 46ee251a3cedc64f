// Which of its two views the page shows: chat or engine.
import { signal } from '@preact/signals';

export const view = signal('chat');

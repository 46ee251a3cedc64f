// Light, dark, or what the system says.
import { signal } from '@preact/signals';

const kName = 'puna-theme';
export const theme = signal(localStorage.getItem(kName) ?? 'system');

export function applyTheme(choice = theme.value) {
  theme.value = choice;
  localStorage.setItem(kName, choice);
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

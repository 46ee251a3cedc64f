// What stands in the HTML is painted first; then everything else is loaded.
requestAnimationFrame(() => setTimeout(() => import('./main.jsx')));

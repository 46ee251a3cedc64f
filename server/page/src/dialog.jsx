import { useEffect, useRef } from 'preact/hooks';

// A modal window: the browser keeps the focus inside, and Escape closes it.
export function Dialog({ title, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const onCancel = (event) => {
    if (!onClose) event.preventDefault();
  };
  return (
    <dialog ref={box} aria-label={title} onClose={onClose} onCancel={onCancel}>
      <div class="dialog-head">
        <h2>{title}</h2>
        {onClose && <button type="button" onClick={onClose}>Close</button>}
      </div>
      {children}
    </dialog>
  );
}

/** A question that must be answered before anything happens. The browser's own dialog keeps the focus inside. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface AskProps {
  /** On the button that opens the question, and on the one that answers it. */
  label: string;
  question: ComponentChildren;
  danger?: boolean;
  /** `false`: it cannot be answered yet. */
  ready?: boolean;
  class?: string;
  onYes: () => Promise<void>;
  children?: ComponentChildren;
}

/** A button that asks before it does what it says. `children`: what else is to be filled in. */
export function Ask({ label, question, danger, ready, class: look, onYes, children }: AskProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    void onYes().finally(() => {
      setBusy(false);
      setOpen(false);
    });
  };
  return (
    <>
      <button type="button" class={look ?? ""} onClick={() => setOpen(true)}>
        {label}
      </button>
      {open && (
        <Dialog title={label} onClose={() => setOpen(false)}>
          <form onSubmit={submit}>
            <div class="question">{question}</div>
            {children}
            <div class="buttons">
              <button type="button" onClick={() => setOpen(false)}>
                Not now
              </button>
              <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || ready === false}>
                {label}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}

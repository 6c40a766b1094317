/** A question that must be answered before anything happens. The browser's own dialog keeps the focus inside. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { standStill } from "../still.ts";
import { reason, tell } from "./toast.tsx";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const isGone = useRef(false);
  useLayoutEffect(() => {
    const dialog = element.current!;
    dialog.showModal();
    const goOn = standStill();
    return () => {
      isGone.current = true;
      // Only one that is closed gives the focus back to where it was; one that is just taken away does not.
      dialog.close();
      goOn();
    };
  }, []);
  // It is told a moment later, when the same question may be open again: that one is not meant.
  const closed = (): void => {
    if (!isGone.current) onClose();
  };
  return (
    <dialog ref={element} aria-labelledby={id} onClose={closed}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface Answers {
  danger?: boolean;
  /** `false`: it cannot be answered yet. */
  ready?: boolean;
  /** Resolves with what came of it. Where it throws, the question stays, with the reason and with what was filled in. */
  onYes: () => Promise<string>;
  /** After the good end. */
  onDone?: () => void;
}

interface QuestionProps extends Answers {
  title: string;
  /** On the button that answers it. */
  label: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Question({
  title,
  label,
  danger,
  ready,
  onYes,
  onDone,
  onClose,
  children,
}: QuestionProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  const refused = (error: unknown): void => {
    // Who has closed it meanwhile hears of it all the same.
    if (isThere.current) setTrouble(reason(error));
    else tell(reason(error), true);
    setBusy(false);
  };
  const answer = async (): Promise<void> => {
    setBusy(true);
    setTrouble(null);
    try {
      tell(await onYes());
    } catch (error) {
      return refused(error);
    }
    if (isThere.current) onClose();
    onDone?.();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void answer();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {trouble !== null && (
          <p class="trouble" role="alert">
            {trouble}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Not now
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || ready === false}>
            {label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface AskProps extends Answers {
  /** On the button that opens the question, and on the one that answers it. */
  label: string;
  question: ComponentChildren;
  class?: string;
  children?: ComponentChildren;
}

/** A button that asks before it does what it says. `children`: what else is to be filled in. */
export function Ask({ label, question, class: look, children, ...answers }: AskProps): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class={look ?? ""} onClick={() => setOpen(true)}>
        {label}
      </button>
      {open && (
        <Question title={label} label={label} onClose={() => setOpen(false)} {...answers}>
          <div class="question">{question}</div>
          {children}
        </Question>
      )}
    </>
  );
}

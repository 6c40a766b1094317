/**
 * JSON that can be unfolded. Every text of it becomes a text node, whatever is in it; what is large or deep is drawn when somebody asks
 * for it, so that no value can make the page slow.
 */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

const OPEN_DEPTH = 2;
const PAGE = 50;
const TEXT = 400;

export function JsonView({ value, label }: { value: unknown; label: string }): JSX.Element {
  if (value === undefined) return <p class="muted">None.</p>;
  return (
    <div class="json" role="group" aria-label={label} tabIndex={0}>
      <CopyButton value={value} />
      <Value value={value} depth={0} />
    </div>
  );
}

/** How long it says that it was copied. */
const SAID_MS = 2_000;

/** None where the browser lets no page copy, as over plain HTTP. */
function CopyButton({ value }: { value: unknown }): JSX.Element | null {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) return null;
  const copy = (): void => {
    void clipboard.writeText(JSON.stringify(value, null, 2)).then(() => setDone(true));
  };
  return (
    <button type="button" class="small copy" onClick={copy}>
      {done ? "Copied" : "Copy"}
    </button>
  );
}

function Value({ value, depth }: { value: unknown; depth: number }): JSX.Element {
  if (typeof value === "string") return <Text value={value} />;
  if (typeof value !== "object" || value === null)
    return <span class={`j-${value === null ? "null" : typeof value}`}>{String(value)}</span>;
  const entries = Object.entries(value);
  return <Members list={Array.isArray(value)} entries={entries} depth={depth} />;
}

function Text({ value }: { value: string }): JSX.Element {
  const [shown, setShown] = useState(TEXT);
  return (
    <span class="j-string">
      {JSON.stringify(value.slice(0, shown))}
      {value.length > shown && (
        <More onClick={() => setShown(shown * 10)}>
          {(value.length - shown).toLocaleString()} more characters
        </More>
      )}
    </span>
  );
}

function More({ onClick, children }: { onClick: () => void; children: ComponentChildren }): JSX.Element {
  return (
    <button type="button" class="link" onClick={onClick}>
      … {children}
    </button>
  );
}

interface MembersProps {
  list: boolean;
  entries: readonly (readonly [string, unknown])[];
  depth: number;
}

function Members({ list, entries, depth }: MembersProps): JSX.Element {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(PAGE);
  const [begin, end] = list ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <span class="j-empty">{begin + end}</span>;
  const what = `${entries.length} ${list ? "element" : "member"}${entries.length === 1 ? "" : "s"}`;
  return (
    <span>
      {/* The same button both ways, so that who presses its key does not lose it. */}
      <button
        type="button"
        class="link j-fold"
        aria-expanded={open}
        {...(open ? { "aria-label": "Fold" } : {})}
        onClick={() => setOpen(!open)}
      >
        {open ? begin : `${begin} ${what} ${end}`}
      </button>
      {open && (
        <>
          <ul>
            {entries.slice(0, shown).map(([name, member]) => (
              <li key={name}>
                {!list && <span class="j-key">{JSON.stringify(name)}: </span>}
                <Value value={member} depth={depth + 1} />
              </li>
            ))}
            {entries.length > shown && (
              <li>
                <More onClick={() => setShown(shown + PAGE * 10)}>
                  {(entries.length - shown).toLocaleString()} more
                </More>
              </li>
            )}
          </ul>
          {end}
        </>
      )}
    </span>
  );
}

/** The frame of every page: its title, what can be done, and what it says while nothing has come or something went wrong. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError } from "../api.ts";
import type { Live } from "../live.ts";
import { useMayAny } from "../session.ts";
import { reason } from "./toast.tsx";

interface PageProps {
  title: string;
  /** Beside the title. */
  note?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, note, actions, children }: PageProps): JSX.Element {
  useEffect(() => {
    document.title = `${title} · FlowForge`;
  }, [title]);
  return (
    <main id="main" tabIndex={-1}>
      <header class="page-head">
        <h1>{title}</h1>
        {note && <div class="page-note">{note}</div>}
        {actions && <div class="page-actions">{actions}</div>}
      </header>
      {children}
    </main>
  );
}

interface ShownProps<T> {
  of: Live<T>;
  children: (data: T) => ComponentChildren;
}

/** What has come, and above it that the last try went wrong, where it did. */
export function Shown<T>({ of, children }: ShownProps<T>): JSX.Element {
  const { data, error } = of;
  return (
    <>
      {error && <Trouble error={error} stale={data !== undefined} />}
      {data === undefined ? !error && <Loading /> : children(data)}
    </>
  );
}

function Loading(): JSX.Element {
  return (
    <p class="loading" role="status">
      Loading …
    </p>
  );
}

const REFUSED: Readonly<Record<number, string>> = {
  401: "You are not logged in, or not any more. ",
  403: "You may not see this. ",
};

export function Trouble({ error, stale }: { error: Error; stale: boolean }): JSX.Element {
  return (
    <p class="trouble" role="alert">
      {error instanceof ApiError ? (REFUSED[error.status] ?? "") : ""}
      {reason(error)}
      {stale ? " What is shown is as it was." : ""}
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

interface PanelProps {
  title: string;
  actions?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ title, actions, class: look, children }: PanelProps): JSX.Element {
  return (
    <section class={`panel ${look ?? ""}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {actions && <div class="panel-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** A table that scrolls inside itself where the screen is narrow. */
export function Table({
  label,
  head,
  actions = [],
  children,
}: {
  label: string;
  head: readonly ComponentChildren[];
  /** Operations that can be done to a row, in its last column. It has a head for who may do any of them; the others see nothing there. */
  actions?: readonly string[];
  children: ComponentChildren;
}): JSX.Element {
  const titles = useMayAny(actions) ? [...head, "Actions"] : head;
  return (
    <div class="scroll" role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {titles.map((title, at) => (
              <th key={at} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

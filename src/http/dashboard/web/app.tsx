/** The frame around every page, and which page is shown. Addresses are kept behind `#`, so the host serves one document only. */
import type { JSX } from "preact";
import { Link, Redirect, Route, Router, Switch, useRoute } from "wouter-preact";
import { useHashLocation } from "wouter-preact/use-hash-location";
import { useLive } from "./live.ts";
import { Credentials } from "./pages/credentials.tsx";
import { DeadLetters } from "./pages/dead-letters.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Overview } from "./pages/overview.tsx";
import { RunPage } from "./pages/run.tsx";
import { Runs } from "./pages/runs.tsx";
import { Schedules } from "./pages/schedules.tsx";
import { Settings } from "./pages/settings.tsx";
import { Webhooks } from "./pages/webhooks.tsx";
import { WorkflowPage } from "./pages/workflow.tsx";
import { Workflows } from "./pages/workflows.tsx";
import { type Session, SessionContext } from "./session.ts";
import { Shown } from "./ui/page.tsx";
import { Toasts } from "./ui/toast.tsx";

/** Each with the operation without which it shows nothing. */
const PLACES: readonly (readonly [path: string, title: string, operation: string])[] = [
  ["/", "Overview", "runs.list"],
  ["/workflows", "Workflows", "workflows.list"],
  ["/runs", "Runs", "runs.list"],
  ["/dead-letters", "Dead letters", "deadLetters.list"],
  ["/schedules", "Schedules", "schedules.list"],
  ["/webhooks", "Webhooks", "webhooks.list"],
  ["/credentials", "Credentials", "credentials.list"],
  ["/settings", "Settings", "dashboard"],
];
/** How often it is asked what the reader may do. */
const SESSION_MS = 60_000;

export function App(): JSX.Element {
  const session = useLive<Session>("/session", SESSION_MS);
  return (
    <Router hook={useHashLocation}>
      <Shown of={session}>
        {(who) => (
          <SessionContext.Provider value={who}>
            <a
              class="skip"
              href="#main"
              onClick={(event) => {
                event.preventDefault();
                document.getElementById("main")?.focus();
              }}
            >
              Skip to the content
            </a>
            <div class="shell">
              <Navigation session={who} />
              <Pages />
            </div>
          </SessionContext.Provider>
        )}
      </Shown>
      <Toasts />
    </Router>
  );
}

function Navigation({ session }: { session: Session }): JSX.Element {
  return (
    <nav class="side" aria-label="Dashboard">
      <p class="brand">
        <Mark /> FlowForge
      </p>
      <ul>
        {PLACES.filter(([, , operation]) => session.operations.includes(operation)).map(([path, title]) => (
          <Place key={path} path={path} title={title} />
        ))}
      </ul>
      <p class="who">
        {session.workspace}
        {session.actor && <small>{session.actor}</small>}
      </p>
    </nav>
  );
}

function Mark(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M5 5v14M5 7h9a4 4 0 0 1 0 8H5" />
      <circle cx="5" cy="5" r="2.6" />
      <circle cx="5" cy="19" r="2.6" />
      <circle cx="18" cy="11" r="2.6" />
    </svg>
  );
}

function Place({ path, title }: { path: string; title: string }): JSX.Element {
  const [exact] = useRoute(path);
  const [below] = useRoute(`${path}/*`);
  const here = exact || (path !== "/" && below);
  return (
    <li>
      <Link href={path} {...(here ? { "aria-current": "page" as const } : {})}>
        {title}
      </Link>
    </li>
  );
}

function Pages(): JSX.Element {
  return (
    <Switch>
      <Route path="/" component={Overview} />
      <Route path="/workflows" component={Workflows} />
      <Route path="/workflows/:name">{({ name }) => <WorkflowPage key={name} name={name} />}</Route>
      <Route path="/runs" component={Runs} />
      <Route path="/runs/:id">{({ id }) => <RunPage key={id} id={id} />}</Route>
      <Route path="/dead-letters" component={DeadLetters} />
      <Route path="/schedules" component={Schedules} />
      <Route path="/webhooks" component={Webhooks} />
      <Route path="/credentials" component={Credentials} />
      <Route path="/settings" component={Settings} />
      <Route path="">{() => <Redirect to="/" />}</Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

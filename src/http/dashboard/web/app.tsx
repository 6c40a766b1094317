/** The frame around every page, and which page is shown. Addresses are kept behind `#`, so the host serves one document only. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link, Route, Router, Switch, useLocation, useRoute } from "wouter-preact";
import { useHashLocation } from "wouter-preact/use-hash-location";
import { useLive } from "./live.ts";
import { Audit } from "./pages/audit.tsx";
import { Breakers } from "./pages/breakers.tsx";
import { Credentials } from "./pages/credentials.tsx";
import { DeadLetters } from "./pages/dead-letters.tsx";
import { Events } from "./pages/events.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Overview } from "./pages/overview.tsx";
import { Polls } from "./pages/polls.tsx";
import { RunPage } from "./pages/run.tsx";
import { Runs } from "./pages/runs.tsx";
import { Schedules } from "./pages/schedules.tsx";
import { Settings } from "./pages/settings.tsx";
import { Webhooks } from "./pages/webhooks.tsx";
import { Workers } from "./pages/workers.tsx";
import { WorkflowPage } from "./pages/workflow.tsx";
import { Workflows } from "./pages/workflows.tsx";
import { NamedWorkspace, OwnWorkspace } from "./pages/workspace.tsx";
import { WorkspaceChoice, Workspaces } from "./pages/workspaces.tsx";
import { type Session, SessionContext } from "./session.ts";
import { Shown } from "./ui/page.tsx";
import { Toasts } from "./ui/toast.tsx";

type Place = readonly [path: string, title: string, operation: string];

/** Each with the operation without which it shows nothing. */
const PLACES: readonly (readonly [group: string, places: readonly Place[]])[] = [
  [
    "Work",
    [
      ["/", "Overview", "runs.list"],
      ["/workflows", "Workflows", "workflows.list"],
      ["/runs", "Runs", "runs.list"],
      ["/dead-letters", "Dead letters", "deadLetters.list"],
      ["/breakers", "Breakers", "breakers.list"],
    ],
  ],
  [
    "What starts it",
    [
      ["/schedules", "Schedules", "schedules.list"],
      ["/webhooks", "Webhooks", "webhooks.list"],
      ["/polls", "Polls", "polls.list"],
      ["/events", "Events", "events.list"],
    ],
  ],
  [
    "Set up",
    [
      ["/credentials", "Credentials", "credentials.list"],
      ["/audit", "Audit", "audit.list"],
      ["/workspace", "Limits and data", "workspaces.getLimits"],
      ["/workspaces", "Workspaces", "workspaces.list"],
      ["/workers", "Workers", "workers.list"],
      ["/settings", "Settings", "dashboard"],
    ],
  ],
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
      <div class="places">
        {PLACES.map(([group, places]) => (
          <Group key={group} name={group} places={places} operations={session.operations} />
        ))}
      </div>
      <div class="who">
        {session.operations.includes("workspaces.list") ? (
          <WorkspaceChoice workspace={session.workspace} />
        ) : (
          session.workspace
        )}
        {session.actor && <small>{session.actor}</small>}
      </div>
    </nav>
  );
}

interface GroupProps extends Pick<Session, "operations"> {
  name: string;
  places: readonly Place[];
}

function Group({ name, places, operations }: GroupProps): JSX.Element | null {
  const open = places.filter(([, , operation]) => operations.includes(operation));
  if (open.length === 0) return null;
  return (
    <>
      <p class="group">{name}</p>
      <ul aria-label={name}>
        {open.map(([path, title]) => (
          <PlaceLink key={path} path={path} title={title} />
        ))}
      </ul>
    </>
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

function PlaceLink({ path, title }: { path: string; title: string }): JSX.Element {
  const [exact] = useRoute(path);
  const [below] = useRoute(`${path}/*`);
  const here = exact || (path !== "/" && below);
  const item = useRef<HTMLLIElement>(null);
  // On a narrow screen the places are one row, of which a part is seen.
  useEffect(() => {
    if (here) item.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [here]);
  return (
    <li ref={item}>
      <Link href={path} {...(here ? { "aria-current": "page" as const } : {})}>
        {title}
      </Link>
    </li>
  );
}

/** Another page begins at its top. The focus goes with it, from a link that may be gone, so that whoever hears the page is told of it. */
function useArrivals(): void {
  const [path] = useLocation();
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    document.getElementById("main")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [path]);
}

function Pages(): JSX.Element {
  useArrivals();
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
      <Route path="/polls" component={Polls} />
      <Route path="/events" component={Events} />
      <Route path="/credentials" component={Credentials} />
      <Route path="/audit" component={Audit} />
      <Route path="/breakers" component={Breakers} />
      <Route path="/workspace" component={OwnWorkspace} />
      <Route path="/workspaces" component={Workspaces} />
      <Route path="/workspaces/:name">{({ name }) => <NamedWorkspace key={name} address={name} />}</Route>
      <Route path="/workers" component={Workers} />
      <Route path="/settings" component={Settings} />
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

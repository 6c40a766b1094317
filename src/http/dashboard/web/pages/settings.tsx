/** How the dashboard looks, who looks at it, and what he may do. */
import type { JSX } from "preact";
import { base } from "../api.ts";
import { useSession } from "../session.ts";
import { type Theme, theme } from "../theme.ts";
import { Page, Panel } from "../ui/page.tsx";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function Settings(): JSX.Element {
  const { workspace, actor, operations } = useSession();
  return (
    <Page title="Settings">
      <Panel title="Appearance">
        <fieldset class="choices">
          <legend>Colours</legend>
          {THEMES.map((each) => (
            <label key={each} class="check">
              <input
                type="radio"
                name="theme"
                checked={theme.value === each}
                onChange={() => (theme.value = each)}
              />
              {each === "system" ? "as the system says" : each}
            </label>
          ))}
        </fieldset>
      </Panel>
      <Panel title="Access">
        <dl class="facts">
          <div>
            <dt>Workspace</dt>
            <dd>{workspace}</dd>
          </div>
          <div>
            <dt>You are</dt>
            <dd>{actor ?? "not named by the host"}</dd>
          </div>
          <div>
            <dt>API</dt>
            <dd>
              <a href={`${base}/openapi.json`}>OpenAPI document</a>
            </dd>
          </div>
        </dl>
        <h3>What you may do</h3>
        <ul class="labels">
          {operations.map((operation) => (
            <li key={operation} class="label">
              {operation}
            </li>
          ))}
        </ul>
      </Panel>
    </Page>
  );
}

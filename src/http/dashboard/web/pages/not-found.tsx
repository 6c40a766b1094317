import type { JSX } from "preact";
import { Link } from "wouter-preact";
import { Page } from "../ui/page.tsx";

export function NotFound(): JSX.Element {
  return (
    <Page title="Not found">
      <p>
        There is no such page. <Link href="/">Go to the overview.</Link>
      </p>
    </Page>
  );
}

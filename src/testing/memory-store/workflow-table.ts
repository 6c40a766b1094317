/** Versions of workflow documents, by workspace and name. */
import type { WorkflowDocument } from "../../core/definition/document.ts";
import type { ListedWorkflow, VersionHead, WorkflowVersion } from "../../core/ports/store.ts";

import type { WorkspaceRows } from "./workspace-table.ts";

interface MemoryVersion extends Omit<WorkflowVersion, "document"> {
  /** JSON text. */
  readonly text: string;
}

export class WorkflowTable implements WorkspaceRows {
  /** Version 1 first. */
  readonly #workspaces = new Map<string, Map<string, MemoryVersion[]>>();
  /** How many versions workflows had that were erased, by workspace and name. */
  readonly #erased = new Map<string, number>();
  readonly #disabled = new Set<readonly MemoryVersion[]>();

  save(version: Pick<WorkflowVersion, "workspace" | "document" | "checksum" | "createdAt">): WorkflowVersion {
    const { document, workspace, checksum, createdAt } = version;
    const { name } = document;
    let workflows = this.#workspaces.get(workspace);
    if (!workflows) this.#workspaces.set(workspace, (workflows = new Map()));
    let versions = workflows.get(name);
    if (!versions) workflows.set(name, (versions = []));
    let stored = versions.find((other) => other.checksum === checksum);
    if (!stored) {
      const text = JSON.stringify(document);
      const number = versions.length + 1 + (this.#erased.get(keyOf(workspace, name)) ?? 0);
      versions.push((stored = { workspace, name, version: number, checksum, createdAt, text }));
    }
    return published(stored);
  }

  get(workspace: string, name: string, version?: number): WorkflowVersion | null {
    const versions = this.#versions(workspace, name);
    const stored =
      version === undefined ? versions.at(-1) : versions.find((other) => other.version === version);
    return stored ? published(stored) : null;
  }

  head(workspace: string, name: string, wanted?: number): VersionHead | null {
    const found = this.get(workspace, name, wanted);
    return found && { version: found.version, checksum: found.checksum, createdAt: found.createdAt };
  }

  versions(workspace: string, name: string): WorkflowVersion[] {
    return this.#versions(workspace, name).map(published).reverse();
  }

  list(workspace: string): ListedWorkflow[] {
    const workflows = [...(this.#workspaces.get(workspace)?.values() ?? [])];
    return workflows
      .map((versions) => ({ ...published(versions.at(-1)!), enabled: !this.#disabled.has(versions) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The newest version of every workflow of every workspace. */
  newest(): ListedWorkflow[] {
    return [...this.#workspaces.keys()].flatMap((workspace) => this.list(workspace));
  }

  enable({ workspace, name, enabled }: Pick<ListedWorkflow, "workspace" | "name" | "enabled">): boolean {
    const versions = this.#workspaces.get(workspace)?.get(name);
    if (!versions) return false;
    if (enabled) this.#disabled.delete(versions);
    else this.#disabled.add(versions);
    return true;
  }

  workspaces(): Iterable<string> {
    return this.#workspaces.keys();
  }

  /** Versions. */
  count(workspace: string): number {
    return [...(this.#workspaces.get(workspace)?.values() ?? [])].flat().length;
  }

  forget(workspace: string): void {
    for (const [name, versions] of this.#workspaces.get(workspace) ?? [])
      this.#erased.set(keyOf(workspace, name), versions.at(-1)!.version);
    this.#workspaces.delete(workspace);
  }

  #versions(workspace: string, name: string): readonly MemoryVersion[] {
    return this.#workspaces.get(workspace)?.get(name) ?? [];
  }
}

function keyOf(workspace: string, name: string): string {
  return JSON.stringify([workspace, name]);
}

function published({ text, ...version }: MemoryVersion): WorkflowVersion {
  return { ...version, document: JSON.parse(text) as WorkflowDocument };
}

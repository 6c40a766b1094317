/**
 * Definitions that processes hand to each other, so that not every one of them reads every definition from the store. Known by their
 * checksum, and of one workspace each. It may forget anything at any time, and what it gives is believed only where it has that checksum.
 */
export interface DefinitionCache {
  /** The JSON text. `null`: it is not there. Rejects where it cannot be asked. */
  read(workspace: string, checksum: string): Promise<string | null>;
  /** Rejects where it cannot be told. What is too large is left out. */
  write(workspace: string, checksum: string, text: string): Promise<void>;
  /** Drops all of a workspace. Rejects where it cannot be told. */
  forget(workspace: string): Promise<void>;
}

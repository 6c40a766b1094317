/** Who looks, and what he may do. The server decides anew with every call; this only says which buttons make sense. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export interface Session {
  readonly workspace: string;
  /** Whether any other workspace may be named. */
  readonly allWorkspaces: boolean;
  readonly actor: string | null;
  /** Ids of the operations that may be done, as in the OpenAPI document. */
  readonly operations: readonly string[];
}

const NOBODY: Session = { workspace: "", allWorkspaces: false, actor: null, operations: [] };

export const SessionContext: ReturnType<typeof createContext<Session>> = createContext<Session>(NOBODY);

export function useSession(): Session {
  return useContext(SessionContext);
}

/** Whether any of them may be done. */
export function useMayAny(operations: readonly string[]): boolean {
  const { operations: all } = useContext(SessionContext);
  return operations.some((operation) => all.includes(operation));
}

/** Whether an operation exists and may be done. */
export function useMay(operation: string): boolean {
  return useContext(SessionContext).operations.includes(operation);
}

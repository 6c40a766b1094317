/** What somebody types, once he has stopped. */
import { useEffect, useState } from "preact/hooks";

const PAUSE_MS = 400;

/** The text as it was when it had not changed for a moment; emptied, it is empty at once. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return text === "" ? "" : settled;
}

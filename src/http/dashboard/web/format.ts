/** How values are written for people. */

/** `3 d 4 h`, `1 m 5 s`, `1.25 s`, `12 ms`. */
export function duration(ms: number): string {
  if (ms < 0) return "0 ms";
  // Each bound lies where the smaller unit would be written with the number of the next one.
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3_600), "h"],
    [Math.floor((seconds % 3_600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** `just now`, `12 s ago`, `in 3 h`. */
export function ago(at: number, now: number): string {
  const ms = now - at;
  if (Math.abs(ms) < 1_000) return "just now";
  const whole = duration(Math.floor(Math.abs(ms) / 1_000) * 1_000).replace(/\.\d+/, "");
  return ms > 0 ? `${whole} ago` : `in ${whole}`;
}

/** In the reader's time zone, to the second. */
export function moment(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Below a chart: times of day, or days where its steps are so long. `at` and `stepS` in seconds. */
export function timeTick(at: number, stepS: number): string {
  const date = new Date(at * 1_000);
  if (stepS >= 86_400) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (isMidnight) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

export function count(value: number): string {
  return value.toLocaleString();
}

/** `1 run`, `12 runs`. `one`: a word that is many with an s. */
export function counted(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? "" : "s"}`;
}

export function percent(share: number): string {
  if (share === 0) return "0 %";
  if (share < 0.001) return "< 0.1 %";
  // Not all is not 100 %, as nothing alone is 0 %.
  if (share > 0.999 && share < 1) return "> 99.9 %";
  const isFine = share < 0.1 || (share >= 0.995 && share < 1);
  return `${(share * 100).toFixed(isFine ? 1 : 0)} %`;
}

/** `12 / s`, `3.4 / min`: in the unit in which it is a number that one can imagine. */
export function rate(perSecond: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1, "s"],
    [60, "min"],
    [3_600, "h"],
    [86_400, "day"],
  ];
  const [factor, unit] = units.find(([each]) => perSecond * each >= 1) ?? units.at(-1)!;
  const value = perSecond * factor;
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString() : value.toFixed(1)} / ${unit}`;
}

export function bytes(size: number): string {
  if (size < 1_024) return `${size} B`;
  if (size < 1_048_525) return `${(size / 1_024).toFixed(1)} KiB`;
  return `${(size / 1_048_576).toFixed(1)} MiB`;
}

/** A name of code as people write it: `storedRuns` is `Stored runs`. */
export function words(name: string): string {
  const text = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The end of an id, which tells two of them apart. */
export function shortId(id: string): string {
  return id.length > 13 ? `…${id.slice(-12)}` : id;
}

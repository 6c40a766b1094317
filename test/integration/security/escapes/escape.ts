/** An input that got out of a sandbox somewhere, or held its host up, as code for ours. */
export interface Escape {
  readonly title: string;
  /** Where it was published, or the class of attack that it stands for. */
  readonly source: string;
  readonly code: string;
}

/**
 * In front of every input. `take(process)` is told whatever an input takes for the host's, `reach(Function)` a constructor of functions that
 * may be the host's; both cry out where it is. `sloppy` runs code that strict mode refuses.
 */
export const PREAMBLE: string = String.raw`
  const cry = (what) => { console.log("LOOT " + what); };
  const take = (thing) => {
    if (thing === null || thing === undefined) return;
    if (typeof thing.binding === "function" || thing.versions?.node || thing.env) cry("process " + thing.env?.[input.variable]);
    try { cry(thing.mainModule.require("node:fs").readFileSync(input.file, "utf8")); } catch {}
    try { cry(thing.getBuiltinModule("node:fs").readFileSync(input.file, "utf8")); } catch {}
    try { thing.getBuiltinModule("node:net").connect(input.port, "127.0.0.1"); cry("net"); } catch {}
    try { thing.mainModule.require("node:fs").writeFileSync(input.marker, "1"); cry("wrote"); } catch {}
  };
  const reach = (Function) => {
    for (const name of ["process", "globalThis.process", "this.process", "global.process"])
      try { take(Function("return " + name)()); } catch {}
    for (const name of ["require", "Buffer", "setImmediate", "WebAssembly"])
      try { if (["object", "function"].includes(Function("return typeof " + name)())) cry(name); } catch {}
  };
  const sloppy = (code) => (0, eval)(code);
`;

export const escape = (title: string, source: string, code: string): Escape => ({ title, source, code });

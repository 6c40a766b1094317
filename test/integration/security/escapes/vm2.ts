/** Out of vm2, isolated-vm and `node:vm`. */
import { type Escape, escape } from "./escape.ts";

const OVERFLOW = "(function stack() { new Error().stack; stack(); })()";

export const VM2: readonly Escape[] = [
  escape(
    "the constructor of the global object",
    "documentation of node:vm",
    "reach(globalThis.constructor.constructor)",
  ),
  escape(
    "the constructor of this",
    "vm2#32",
    "sloppy('globalThis.F = this.constructor.constructor'); reach(F)",
  ),
  escape(
    "the constructor of an argument",
    "documentation of node:vm",
    "reach(input.constructor.constructor); reach(input.list.constructor.constructor)",
  ),
  escape(
    "the constructor of a host function",
    "vm2#32",
    "reach(fetch.constructor); reach(console.log.constructor)",
  ),
  escape(
    "the constructor of what a host function gives",
    "vm2#276",
    "const p = fetch('http://a.example/'); reach(p.constructor.constructor); await p.catch((e) => reach(e.constructor.constructor))",
  ),
  escape(
    "the error of a host function",
    "CVE-2019-10761",
    String.raw`
    function r(i) { let x = 0; try { x = r(i); } catch {} if (typeof x !== "number") return x; if (x !== i) return x + 1; try { console.log(); } catch (e) { return e; } return null; }
    for (let i = 1; i < 2000; i++) try { reach(r(i).constructor.constructor); } catch {}`,
  ),
  escape(
    "the error of a host function at the end of the stack",
    "CVE-2019-10761",
    String.raw`
    let last; const f = () => { try { f(); } catch (e) { last = e; try { fetch("x"); } catch (e2) { last = e2; } } };
    f(); reach(last.constructor.constructor)`,
  ),
  escape(
    "import()",
    "CVE-2021-23449",
    "const r = import('./foo.js'); reach(r.toString.constructor); await r.catch((e) => reach(e.constructor.constructor))",
  ),
  escape(
    "members of the prototype of Object",
    "CVE-2021-23555",
    String.raw`
    Object.defineProperty(Object.prototype, "get", { get() { reach(this.constructor?.constructor ?? Function); }, configurable: true });
    console.log({}); await fetch("http://a.example/").catch(() => {})`,
  ),
  escape(
    "WeakMap of another's making",
    "CVE-2022-25893",
    String.raw`
    const set = WeakMap.prototype.set; WeakMap.prototype.set = function (k, v) { reach(v?.constructor?.constructor ?? Function); return set.call(this, k, v); };
    Map.prototype.set = function (k, v) { reach(k.constructor.constructor); reach(v.constructor.constructor); return this; };
    fetch("http://a.example/"); console.log({})`,
  ),
  escape(
    "Error.prepareStackTrace",
    "CVE-2022-36067",
    String.raw`
    globalThis.OldError = Error; globalThis.Error = {}; Error.prepareStackTrace = (e, frames) => { for (const f of frames) { reach(f.getThis().constructor.constructor); } };
    OldError.prepareStackTrace = Error.prepareStackTrace; try { null.x; } catch (e) { String(e.stack); } new OldError().stack`,
  ),
  escape(
    "frames of an error in an async function",
    "CVE-2023-29017",
    String.raw`
    const a = async () => { Error.prepareStackTrace = (e, frames) => { reach(frames[0].getThis().constructor.constructor); return e; }; null.x; };
    await a().catch((e) => e.stack)`,
  ),
  escape(
    "an error that is caught twice",
    "CVE-2023-29199",
    String.raw`
    const aVM2_INTERNAL_TMPNAME = {}; function stack() { new Error().stack; stack(); }
    try { stack(); } catch (a$tmpname) { reach(a$tmpname.constructor.constructor); }`,
  ),
  escape(
    "a thrown proxy whose prototype overflows",
    "CVE-2023-30547",
    String.raw`
    const thrown = new Proxy({}, { getPrototypeOf() { ${OVERFLOW}; } });
    try { throw thrown; } catch ({ constructor: c }) { reach(c.constructor); }`,
  ),
  escape(
    "a thrown proxy that is not caught",
    "CVE-2023-30547",
    `throw new Proxy({}, { getPrototypeOf() { ${OVERFLOW}; }, get(t, k) { reach(k.constructor.constructor); return undefined; } })`,
  ),
  escape(
    "inspect",
    "CVE-2023-32313",
    String.raw`console.log({ [Symbol.for("nodejs.util.inspect.custom")]: (depth, options, inspect) => { reach(inspect.constructor); } })`,
  ),
  escape(
    "a name that is a proxy",
    "CVE-2023-32314",
    String.raw`
    const e = new Error(); e.name = { toString: new Proxy(() => "", { apply(t, self, args) { reach(args.constructor.constructor); reach(self?.constructor?.constructor ?? Function); return ""; } }) };
    try { e.stack; } catch {} String(e); throw e`,
  ),
  escape(
    "Symbol.species of a promise",
    "CVE-2023-37466",
    String.raw`
    const fn = async () => { ${OVERFLOW}; }; const p = fn();
    p.constructor = { [Symbol.species]: class { constructor(executor) { executor((x) => x, (err) => { reach(err.constructor.constructor); }); } } };
    p.then(); await 0`,
  ),
  escape(
    "inspect by way of WebAssembly",
    "CVE-2023-37903",
    String.raw`
    const obj = { [Symbol.for("nodejs.util.inspect.custom")]: (d, o, inspect) => { reach(inspect.constructor); }, valueOf: undefined, constructor: undefined };
    WebAssembly.compileStreaming(obj).catch(() => {})`,
  ),
  escape(
    "an error whose name is a symbol",
    "CVE-2026-22709",
    String.raw`
    const error = new Error(); error.name = Symbol(); const f = async () => error.stack;
    await f().catch((e) => { reach(e.constructor.constructor); })`,
  ),
  escape(
    "then of another's making",
    "CVE-2026-22709",
    String.raw`
    const then = Promise.prototype.then; Promise.prototype.then = function (a, b) { reach(a?.constructor ?? Function); reach(b?.constructor ?? Function); return then.call(this, a, b); };
    await fetch("http://a.example/").catch(() => {}); await new Promise((r) => r(1))`,
  ),
  escape(
    "finally and the cause of an error",
    "vm2, advisories of 2026",
    String.raw`
    const e = new Error("a", { cause: globalThis }); await Promise.reject(e).finally(function () { reach(this?.constructor?.constructor ?? Function); }).catch((x) => reach(x.cause.constructor.constructor))`,
  ),
  escape(
    "a getter of a proxy as receiver",
    "vm2, advisories of 2022",
    String.raw`
    const p = new Proxy({}, { get(t, k, receiver) { reach(receiver.constructor?.constructor ?? Function); return () => p; }, has() { return true; }, ownKeys() { reach(this.constructor.constructor); return []; } });
    console.log(p); Object.keys(p); return p`,
  ),
  escape(
    "arguments.callee.caller",
    "vm2, advisories of 2018",
    String.raw`sloppy("globalThis.f = function () { return arguments.callee.caller; }"); const c = f(); if (c) reach(c.constructor); reach(console.log.caller?.constructor ?? Function)`,
  ),
  escape(
    "Reflect.construct with another target",
    "vm2, advisories of 2022",
    "reach((...a) => Reflect.construct(Function, a, fetch))",
  ),
  escape(
    "Symbol.hasInstance",
    "vm2, advisories of 2021",
    String.raw`
    class A { static [Symbol.hasInstance](x) { reach(x?.constructor?.constructor ?? Function); return true; } }
    Object.defineProperty(Error, Symbol.hasInstance, { value: A[Symbol.hasInstance] }); console.log(new A()); throw 1`,
  ),
  escape(
    "the iterator of lists",
    "vm2, advisories of 2022",
    String.raw`
    Array.prototype[Symbol.iterator] = function* () { reach(this.constructor.constructor); }; Array.prototype.map = function (f) { reach(f.constructor); return []; };
    console.log(1, 2); fetch("http://a.example/", { headers: [] }).catch(() => {})`,
  ),
  escape(
    "a leaked Reference",
    "documentation of isolated-vm",
    String.raw`
    for (const name of Reflect.ownKeys(globalThis)) { const v = globalThis[name]; if (v?.applySync || v?.derefInto || v?.copySync) cry(String(name)); try { reach(v.constructor.constructor); } catch {} }`,
  ),
  escape(
    "cached data of a compiled script",
    "CVE-2022-39266",
    "if (typeof ivm !== 'undefined') cry('ivm'); new ivm.Script('1', { cachedData: new ArrayBuffer(64) })",
  ),
  escape(
    "binding of a process",
    "isolated-vm and node:vm, write-ups",
    "take(globalThis.process); process.binding('spawn_sync')",
  ),
  escape(
    "a getter among the members of a descriptor",
    "vm2#175",
    String.raw`
    Object.defineProperty(Object.prototype, "get", { configurable: true, get() { throw (f) => f.constructor("return process")(); } });
    try { console.log({}); fetch("http://a.example/"); } catch (e) { take(e(fetch)); take(e(console.log)); } finally { delete Object.prototype.get; }`,
  ),
  escape(
    "what a proxy constructs",
    "vm2#177",
    "reach((code) => Reflect.construct(new Proxy(class {}, { construct() { return () => (x) => x.constructor(code)(); } }), [])()(fetch))",
  ),
  escape(
    "this within what a proxy constructs",
    "vm2#179",
    String.raw`
    const A = new Proxy(class {}, { construct() { return function () { return Object.getPrototypeOf(this ?? fetch).constructor.constructor("return process")(); }; } });
    const o = { toString: new A(), toJSON: new A() }; try { take(" " + o); } catch {} console.log(o); return o`,
  ),
  escape(
    "__lookupGetter__ of the prototype",
    "vm2#184",
    'const get = fetch.__lookupGetter__?.("__proto__") ?? Object.getPrototypeOf; reach(Object.getOwnPropertyDescriptor(get.call(fetch, fetch), "constructor").value)',
  ),
  escape(
    "the end of the stack, and a member of RangeError",
    "vm2#199",
    String.raw`
    RangeError.prototype.c = Error.prototype.c = (f) => f.constructor("return process")();
    const f = (n) => { try { return f(n + 1); } catch (e) { try { take(e.c(fetch)); reach(e.constructor.constructor); } catch {} return n; } }; f(0)`,
  ),
  escape(
    "an error of inspect",
    "vm2#268",
    String.raw`
    const b = { hexSlice: () => "", magic: { get [Symbol.for("nodejs.util.inspect.custom")]() { throw (f) => f.constructor("return process")(); } } };
    try { console.log(b); Buffer.prototype.inspect.call(b, 0, { customInspect: true }); } catch (e) { if (typeof e === "function") take(e(() => 0)); }`,
  ),
  escape("a timer", "vm2#276", "reach(setTimeout(() => {}).ref().constructor.constructor)"),
  escape(
    "SuppressedError",
    "GHSA-55hx-c926-fr95",
    String.raw`
    const e = new SuppressedError(globalThis, new Error("a")); reach(e.error.constructor.constructor); reach(e.suppressed.constructor.constructor)`,
  ),
];

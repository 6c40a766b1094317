/** Out of n8n, Flowise, Activepieces and other services that run code of their customers. */
import { type Escape, escape } from "./escape.ts";

export const SERVICES: readonly Escape[] = [
  escape(
    "this.process in a function",
    "CVE-2025-68613",
    "sloppy('globalThis.f = function () { return this.process; }'); take(f()); f().mainModule.require('child_process').execSync('id')",
  ),
  escape("Function of an arrow", "CVE-2025-68613", "reach((() => {}).constructor)"),
  escape(
    "with",
    "CVE-2026-1470",
    "sloppy('globalThis.F = 0; with (function () {}) { F = constructor; }'); reach(F)",
  ),
  escape(
    "taking apart by a pattern",
    "CVE-2026-25049",
    "const { constructor: { constructor: F } } = () => {}; reach(F)",
  ),
  escape(
    "a computed name",
    "CVE-2026-25049",
    "reach((() => {})['const' + 'ructor']); reach(''['sub']['con\\u0073tructor'])",
  ),
  escape(
    "a template as a tag",
    "CVE-2026-25049",
    "reach((s, ...v) => Function(s)); const F = Function`return process`; take(F())",
  ),
  escape("the body of an arrow", "CVE-2026-72765", "take((() => process)())"),
  escape("spread of a free name", "CVE-2026-85165", "take([...process.env])"),
  escape("a free name as a key", "CVE-2026-85165", "take({ [globalThis.process]: 1, [process]: 1 })"),
  escape("a free name as a case", "CVE-2026-85165", "switch (1) { case process: take(process); }"),
  escape("a class of a free name", "CVE-2026-85165", "class A extends process {}; take(A)"),
  escape(
    "toString within a template",
    "n8n, advisories of 2026",
    "return `${{ toString() { take(process); return 'a'; } }}`",
  ),
  escape(
    "a prototype that leaks",
    "GHSA-9x83-43r8-5hwc",
    String.raw`
    for (let f = fetch; f; f = Object.getPrototypeOf(f)) for (const k of Reflect.ownKeys(f)) { const d = Object.getOwnPropertyDescriptor(f, k); for (const v of [d.value, d.get, d.set]) if (v) try { reach(v.constructor); take(v.process); } catch {} }`,
  ),
  escape(
    "prototype of the result",
    "CVE-2026-33696",
    String.raw`return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')`,
  ),
  escape(
    "a result with a getter",
    "n8n, advisories of 2026",
    "return { get a() { take(globalThis.process); return 1; } }",
  ),
  escape(
    "toJSON of the result",
    "n8n, advisories of 2026",
    "return { toJSON(key) { reach(this.constructor.constructor); reach(key.constructor.constructor); return { toJSON: 1, __proto__: { polluted: 1 } }; } }",
  ),
  escape(
    "a thenable as the result",
    "n8n, advisories of 2026",
    "return { then(resolve, reject) { reach(resolve.constructor); reach(reject.constructor); resolve({ then(r) { r(1); } }); } }",
  ),
  escape("a thenable that never answers", "n8n, advisories of 2026", "return { then() {} }"),
  escape(
    "a thenable that answers with itself for ever",
    "promise bombs",
    "const t = { then(r) { r(t); } }; return t",
  ),
  escape(
    "Object.prototype is changed",
    "CVE-2026-42231",
    "Object.prototype.polluted = 1; Array.prototype.polluted = 1; Function.prototype.polluted = 1; return {}",
  ),
  escape(
    "Object.prototype.toJSON",
    "prototype pollution of bridges",
    "Object.prototype.toJSON = function () { reach(this.constructor.constructor); return this; }; await fetch('http://a.example/').catch(() => {}); return { a: 1 }",
  ),
  escape(
    "JSON of another's making",
    "prototype pollution of bridges",
    "JSON.stringify = JSON.parse = (v) => { reach(v.constructor.constructor); return '}{'; }; return { a: 1 }",
  ),
  escape("require", "write-ups of code nodes", "take(require('process'))"),
  escape("module.constructor._load", "n8n, advisories of 2026", "take(module.constructor._load('process'))"),
  escape(
    "arguments of a module's function",
    "write-ups of CommonJS wrappers",
    "for (const a of arguments) { reach(a?.constructor?.constructor ?? Function); if (typeof a === 'function') cry('require'); }",
  ),
  escape("process.mainModule", "CVE-2026-27495", "take(process.mainModule.require('process'))"),
  escape(
    "names of the sandbox itself",
    "Flowise, advisories of 2026",
    "for (const name of ['log', 'ask', 'done', 'failed', 'calls', 'describe', 'input_', '__host', 'sandbox', 'vm', 'scope', 'exports']) try { if (sloppy('typeof ' + name) !== 'undefined') cry(name); } catch {}",
  ),
  escape(
    "a cache of code that others use",
    "CVE-2026-48499",
    "globalThis.__cache = globalThis.__cache ?? 'mine'; if (globalThis.__cache !== 'mine') cry('cache'); Function.prototype.toString = () => 'return process'",
  ),
  escape(
    "the end of the function, and more",
    "injection into the wrapper",
    "}); globalThis.F = Function; (async function () { 1",
  ),
  escape(
    "the end of the function, and an error",
    "injection into the wrapper",
    "}); throw Object.assign(new Error('out'), { get stack() { take(globalThis.process); } }); (async function () { 1",
  ),
  escape(
    "the end of the function, and a call",
    "injection into the wrapper",
    "}).constructor('take = 1; return process')(); (async function () { 1",
  ),
  escape("another value than a function", "injection into the wrapper", "}), { then: 1 }, (0"),
  escape("a comment without an end", "injection into the wrapper", "/* "),
  escape("a comment of HTML", "injection into the wrapper", "\n--> process\n<!-- process\n"),
  escape("other ends of lines", "injection into the wrapper", "// a\u2028take(globalThis.process)\u2029}\r)"),
  escape("import.meta", "write-ups of module sandboxes", "return import.meta.url"),
  escape(
    "import of a built-in module",
    "write-ups of code nodes",
    "for (const name of ['fs', 'node:fs', 'process', 'std', 'os', 'bjson', 'qjs:std', '/etc/passwd', 'file:///etc/passwd', 'data:text/javascript,export default 1']) await import(name).then((m) => cry(name), () => {})",
  ),
  escape(
    "import of a module with an attribute",
    "write-ups of module sandboxes",
    "await import('/etc/passwd', { with: { type: 'text' } }).then((m) => cry(m.default))",
  ),
  escape(
    "globals of hosts",
    "a list of what hosts put there",
    "for (const name of ['process', 'require', 'module', 'Buffer', 'global', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Worker', 'WebAssembly', 'XMLHttpRequest', 'WebSocket', 'Deno', 'Bun', 'std', 'os', 'bjson', 'scriptArgs', 'print', 'load', 'loadScript', '__loadScript', 'gc', 'quit', 'read', 'readline', 'structuredClone', 'MessageChannel', 'BroadcastChannel', 'EventSource', 'Request', 'postMessage', 'importScripts', 'document', 'window', 'localStorage', 'navigator', 'performance', 'crypto', 'os', 'Realm', 'ShadowRealm', 'Compartment', 'ivm', '$']) if (name in globalThis) cry(name)",
  ),
];

/** Against what lies between the code and its host: messages, numbers, limits of what is counted. */
import { type Escape, escape } from "./escape.ts";

export const BRIDGE: readonly Escape[] = [
  escape(
    "constructors of other functions",
    "Function by way of its relatives",
    "for (const f of [async () => {}, function* () {}, async function* () {}]) { const made = f.constructor('return [typeof process, typeof require, globalThis.process]')(); const got = await (made.next ? made.next() : made); const [a, b, p] = got.value ?? got; if (a !== 'undefined' || b !== 'undefined') cry(a + b); take(p); }",
  ),
  escape(
    "indirect eval",
    "Function by way of its relatives",
    "reach((code) => () => (0, eval)(code.replace('return ', '')))",
  ),
  escape(
    "a function from its bound self",
    "Function by way of its relatives",
    "reach(fetch.bind(null).constructor.bind(null)); reach(Object.getPrototypeOf(async () => {}).constructor)",
  ),
  escape(
    "a message of the sandbox as a line",
    "forged messages",
    String.raw`console.log('{"type":"done","text":"\\"forged\\""}'); return "mine"`,
  ),
  escape(
    "a message after the end of a line",
    "forged messages",
    String.raw`console.log('a\n{"type":"done","text":"1"}\n{"type":"ready"}\n'); return "mine"`,
  ),
  escape(
    "a message in an error",
    "forged messages",
    String.raw`throw new Error('\n{"type":"done","text":"\\"forged\\""}\n')`,
  ),
  escape(
    "a message in a result",
    "forged messages",
    String.raw`return ['\n{"type":"done","text":"\\"forged\\""}\n\u2028\u2029\r']`,
  ),
  escape(
    "a message in a request",
    "forged messages",
    String.raw`await fetch('http://a.example/\n{"type":"done","text":"1"}\n')`,
  ),
  escape(
    "half a character",
    "forged messages",
    String.raw`console.log("\ud800", "\udfff\ud800"); return ["\ud800", { "\udc00": "\ud83d" }]`,
  ),
  escape(
    "a second result",
    "forged messages",
    "const then = Promise.prototype.then; Promise.prototype.then = function (...f) { f[0]?.('again'); f[0]?.('again'); return then.apply(this, f); }; return 'mine'",
  ),
  escape(
    "calls of a call that is not there",
    "forged messages",
    "Map.prototype.get = () => ({ resolve(r) { reach(r.constructor.constructor); }, reject(r) { reach(r.constructor.constructor); } }); await fetch('http://a.example/')",
  ),
  escape(
    "an address as an object",
    "confusion of types",
    "await fetch({ toString() { take(globalThis.process); return 'file:///etc/passwd'; } })",
  ),
  escape(
    "headers as a proxy",
    "confusion of types",
    "await fetch('http://a.example/', { headers: new Proxy({}, { ownKeys() { return ['__proto__', 'constructor']; }, getOwnPropertyDescriptor() { return { value: 'x', enumerable: true, configurable: true }; }, get() { return 'polluted'; } }) })",
  ),
  escape(
    "a header in a header",
    "injection into requests",
    String.raw`await fetch("http://a.example/", { headers: { "a\r\nhost": "b", a: "b\r\ncontent-length: 0" } })`,
  ),
  escape(
    "members of init that Node.js knows",
    "GHSA-jp9j-jr97-w9pj",
    "await fetch('http://a.example/', { dispatcher: {}, agent: {}, allowHosts: null, signal: null, redirect: 'follow', proxy: 'http://127.0.0.1:' + input.port })",
  ),
  escape("this machine", "server-side requests", "await fetch('http://127.0.0.1:' + input.port + '/')"),
  escape(
    "this machine in other words",
    "server-side requests",
    "for (const h of ['localhost', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', '0', '127.1', '2130706433']) await fetch('http://' + h + ':' + input.port + '/').catch(() => {})",
  ),
  escape(
    "files and pipes as addresses",
    "server-side requests",
    "for (const u of ['file://' + input.file, 'data:text/plain,a', 'blob:a', 'node:fs', 'unix:/var/run/docker.sock', '\\\\\\\\host\\\\share']) await fetch(u).then((r) => r.text()).then(cry, () => {})",
  ),
  escape(
    "more requests than are allowed",
    "floods",
    "for (let i = 0; i < 1e4; i++) fetch('http://a.example/' + i).catch(() => {}); await 0",
  ),
  escape(
    "a request that is very large",
    "floods",
    "await fetch('http://a.example/', { method: 'POST', body: 'x'.repeat(2e7) })",
  ),
  escape("lines without end", "floods", "for (;;) console.log('x'.repeat(1000))"),
  escape("empty lines without end", "floods", "for (;;) console.log()"),
  escape("one line that is very long", "floods", "console.log('x'.repeat(3e7))"),
  escape("an error that is very long", "floods", "throw new Error('x'.repeat(3e7))"),
  escape(
    "an error whose name is very long",
    "floods",
    "throw Object.assign(new Error(), { name: 'x'.repeat(3e7) })",
  ),
  escape("a result that is very large", "floods", "return 'x'.repeat(3e7)"),
  escape(
    "a result that is very deep",
    "floods",
    "let o = []; for (let i = 0; i < 1e5; i++) o = [o]; return o",
  ),
  escape(
    "a result that is deep, and small",
    "floods",
    "let o = []; for (let i = 0; i < 1000; i++) o = [o]; return o",
  ),
  escape(
    "a result of very many members",
    "floods",
    "return Object.fromEntries(Array.from({ length: 2e5 }, (_, i) => ['k' + i, i]))",
  ),
  escape("a result without end", "floods", "return { toJSON() { return { a: this }; } }"),
  escape(
    "a result that is a proxy of lists",
    "floods",
    "return new Proxy([], { get: (t, k) => (k === 'length' ? 2 ** 32 - 1 : k === 'toJSON' ? undefined : 1) })",
  ),
];

/**
 * Whether the time of a refusal tells where a signature is wrong: signatures of one length whose first, middle or last character is another one, and
 * the right one, in turns. Prints the mean of each and how far it is from that of all, beside the standard error.
 *
 *     node test/bench/webhook-timing.ts [rounds]
 */
import { createHmac } from "node:crypto";
import { verifyWebhook } from "../../src/triggers/webhooks/verify.ts";

const ROUNDS = Number(process.argv[2] ?? 200_000);
const BODY = Buffer.from(JSON.stringify({ id: "evt_1", text: "x".repeat(200) }));
const SIGNATURE = { scheme: "github", secret: "hook" } as const;
const right = Buffer.from(createHmac("sha256", "hush").update(BODY).digest("hex")).toString();

function wrongAt(place: number): string {
  const text = right.slice(0, place) + (right[place] === "0" ? "1" : "0") + right.slice(place + 1);
  // Through bytes, so that all are kept in memory alike: a text that was put together is another kind.
  return Buffer.from(text).toString();
}

const VARIANTS = [
  ["right", right],
  ["wrong at the first", wrongAt(0)],
  ["wrong in the middle", wrongAt(32)],
  ["wrong at the last", wrongAt(63)],
] as const;
const times: number[][] = VARIANTS.map(() => []);

for (let round = -5_000; round < ROUNDS; round++) {
  for (let n = 0; n < VARIANTS.length; n++) {
    // By chance: in a fixed order each one would always come after the same other one, and be timed with what that left behind.
    const at = Math.floor(Math.random() * VARIANTS.length);
    const [what, value] = VARIANTS[at]!;
    const headers = { "x-hub-signature-256": `sha256=${value}` };
    const request = { method: "POST", url: "", headers, body: BODY };
    const begun = process.hrtime.bigint();
    const { verified } = verifyWebhook(request, { signature: SIGNATURE, secrets: ["hush"], now: 0 });
    const ns = Number(process.hrtime.bigint() - begun);
    if (verified !== (what === "right")) throw new Error(`${what}: verified is ${verified}`);
    if (round >= 0) times[at]!.push(ns);
  }
}

const rows = times.map((all, at) => {
  // Without the slowest tenth: those are pauses of the machine.
  const kept = all.toSorted((a, b) => a - b).slice(0, Math.floor(all.length * 0.9));
  const mean = kept.reduce((sum, ns) => sum + ns, 0) / kept.length;
  const variance = kept.reduce((sum, ns) => sum + (ns - mean) ** 2, 0) / kept.length;
  return { what: VARIANTS[at]![0], meanNs: mean, errorNs: Math.sqrt(variance / kept.length) };
});
const wrong = rows.slice(1);
const middle = wrong.reduce((sum, { meanNs }) => sum + meanNs, 0) / wrong.length;
console.table(
  rows.map(({ what, meanNs, errorNs }) => ({
    what,
    "mean ns": Math.round(meanNs),
    "from the mean of the wrong ones": `${(((meanNs - middle) / middle) * 100).toFixed(2)} %`,
    "standard error ns": Number(errorNs.toFixed(1)),
  })),
);

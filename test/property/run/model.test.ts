/**
 * The reducer against an independent model (`test/support/run/model.ts`), on random workflows and random events. How to replay
 * a failure, and how to try more cases: `test/support/run/settings.ts`.
 */
import { expect, test } from "vitest";
import { difference, written } from "../../support/run/compare.ts";
import { Model } from "../../support/run/model.ts";
import { holds, seed, timeoutMs } from "../../support/run/settings.ts";
import { cases, walk } from "../../support/run/walk.ts";

test(
  `after every event, state and commands are those of the model (seed ${seed})`,
  { timeout: timeoutMs },
  () => {
    holds(cases(), (one) => {
      const model = new Model(one.spec);
      walk(one, ({ event, now }, { state, commands }) => {
        const expected = model.apply(event, now);
        const wrong = difference(state, model, one.spec);
        if (wrong) expect.fail(`after ${JSON.stringify(event)}: ${wrong}`);
        const got = commands.map(written).join("\n");
        const wanted = expected.join("\n");
        if (got !== wanted)
          expect.fail(`after ${JSON.stringify(event)}: commands\n${got}\nthe model says\n${wanted}`);
      });
    });
  },
);

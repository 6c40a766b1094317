/** The OpenAPI document: valid by the specification's own schema, and about exactly the routes that the handler answers. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { openApi } from "../../../src/http/open-api.ts";
import { find } from "../../../src/http/router.ts";
import { routes } from "../../../src/http/routes.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: object }>> };
}

const ajv = new Ajv2020({ strict: false, logger: false });

/** As it goes over the wire. */
const document = JSON.parse(JSON.stringify(openApi(routes, "/flow"))) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs).map(([verb, operation]) => ({ method: verb.toUpperCase(), path, operation })),
);

test("is a valid OpenAPI 3.1 document", async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  // That the validator would see a problem:
  const { paths } = structuredClone(document);
  Reflect.deleteProperty(paths["/runs"]!["get"]!.parameters[0]!, "in");
  expect(await validator.validate({ ...structuredClone(document), paths })).toMatchObject({ valid: false });
});

test("every route is in it, and it has no other operation", () => {
  const inDocument = operations.map(({ method, path, operation: { operationId } }) =>
    [operationId, method, path].join(" "),
  );
  const inRouter = routes.map(({ id, method, path }) => [id, method, path].join(" "));
  expect(inDocument.toSorted()).toEqual(inRouter.toSorted());
  expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
  // What the document says can be asked, and leads to that operation.
  for (const { method, path, operation } of operations) {
    const found = find(routes, method, path.replaceAll(/\{\w+\}/g, "x"));
    expect(found).toMatchObject({ route: { id: operation.operationId } });
  }
});

describe.each(operations.map((each) => [each.operation.operationId, each] as const))(
  "%s",
  (_id, { path, operation }) => {
    test("names the parts of its path, and each parameter once", () => {
      const inPath = operation.parameters.filter((each) => each.in === "path").map(({ name }) => `{${name}}`);
      expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
      const names = operation.parameters.map((each) => `${each.in} ${each.name}`);
      expect(new Set(names).size).toBe(names.length);
    });

    test("has schemas that are JSON Schema 2020-12", () => {
      const bodies = Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema);
      for (const schema of [...bodies, ...operation.parameters.map((each) => each.schema)])
        if (schema) expect(ajv.validateSchema(schema)).toBe(true);
    });
  },
);

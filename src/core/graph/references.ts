/** Expressions and templates: do they compile, and is what they read there, before them and certain? */
import { parseExpression, type ExpressionProblem } from "../expression/compile.ts";
import type { Reference } from "../expression/expression.ts";
import { parseTemplate } from "../expression/template.ts";
import type { JsonObject } from "../json.ts";
import { areAncestors } from "./ancestors.ts";
import type { Query } from "./bit-rows.ts";
import { areCertain } from "./certainty.ts";
import { fieldVerdict } from "./input-fields.ts";
import { makeIssue, type Issue, type IssueCode } from "./issues.ts";
import { sitesOf, type Site } from "./sites.ts";
import { staticReferences } from "./static-references.ts";
import type { Subject } from "./subject.ts";

const MEMBERS: readonly string[] = ["status", "output", "error"];

/** A text that names null or asks for presence is taken to know that the output may not be there. */
const KNOWS_NULL = /\bnull\b|\bhas\s*\(|\borValue\b/;

/** A reference to a node that exists, with the place it stands in. */
interface NodeRead extends Query {
  readonly site: Site;
  readonly reference: Reference;
}

export function referenceIssues(subject: Subject, maxLength: number): Issue[] {
  const check = new ReferenceCheck(subject, maxLength);
  for (const site of sitesOf(subject.document, subject.graph)) check.site(site);
  check.order();
  return check.issues;
}

class ReferenceCheck {
  readonly issues: Issue[] = [];
  readonly #subject: Subject;
  readonly #limits: { readonly maxSource: number };
  readonly #reads: NodeRead[] = [];

  constructor(subject: Subject, maxLength: number) {
    this.#subject = subject;
    this.#limits = { maxSource: maxLength };
  }

  site(site: Site): void {
    const quick = site.text.length <= this.#limits.maxSource ? staticReferences(site.text, site.form) : null;
    const { references, problems } = quick === null ? this.#parse(site) : { references: quick, problems: [] };
    for (const problem of problems) this.issues.push(problemIssue(site, problem));
    for (const reference of references) this.#reference(site, reference);
  }

  #parse({ form, text }: Site): { references: readonly Reference[]; problems: readonly ExpressionProblem[] } {
    const options = { limits: this.#limits };
    const parsed = form === "expression" ? parseExpression(text, options) : parseTemplate(text, options);
    const compiled = "expression" in parsed ? parsed.expression : parsed.template;
    return { references: compiled?.references ?? [], problems: parsed.problems };
  }

  #reference(site: Site, reference: Reference): void {
    if (!site.scope.roots.has(reference.root)) this.issues.push(scopeIssue(site, reference));
    else if (reference.root === "nodes") this.#node(site, reference);
    else if (reference.root === "input") this.#input(site, reference);
  }

  #node(site: Site, reference: Reference): void {
    const { graph, suggestions } = this.#subject;
    const { node: id = "", member } = reference;
    const node = graph.indexOf.get(id);
    if (node === undefined) {
      this.#add(
        "reference_unknown",
        { site, reference },
        {
          message: `There is no node "${id}".`,
          next: `Name a node of this workflow.${suggestions.for(id, graph.ids)}`,
        },
      );
      return;
    }
    if (member !== undefined && !MEMBERS.includes(member)) {
      this.#add(
        "reference_unknown",
        { site, reference },
        {
          message: `A node has no "${member}".`,
          next: `Use nodes.${id}.output, .error or .status.${suggestions.for(member, MEMBERS)}`,
        },
      );
    }
    if (node === site.reader && site.scope.self) return;
    this.#reads.push({ reader: site.reader, node, site, reference });
  }

  #input(site: Site, reference: Reference): void {
    const { input } = this.#subject.document;
    if (input === undefined) return;
    const found = fieldVerdict(input as JsonObject, reference.path);
    if (found.verdict === "known") return;
    const { field, fields, verdict } = found;
    const code = verdict === "unknown" ? "input_field_unknown" : "input_field_undeclared";
    this.#add(
      code,
      { site, reference },
      {
        message: `The schema of the input has no field "${field}" there.`,
        next: `Use one of ${fields.join(", ") || "no fields"}, or add it to the schema.${this.#subject.suggestions.for(field, fields)}`,
      },
    );
  }

  /** Who comes before whom is asked for all references at once. */
  order(): void {
    const { document, graph, order, complete } = this.#subject;
    const output = graph.ids.length;
    const ordered = this.#reads.filter(({ reader }) => reader !== output);
    const before = areAncestors(graph, order, ordered);
    const fine = this.#reads.filter(({ reader }) => reader === output);
    ordered.forEach((read, index) => {
      if (before[index] === 1) fine.push(read);
      else this.#notBefore(read);
    });
    if (!complete || this.#subject.damaged.size > 0) return;
    // What is on or behind a cycle has no order, and so no certainty.
    const asked = fine.filter(({ reader, node, reference, site }) => {
      const ordered = order.depth[node] !== -1 && (reader === output || order.depth[reader] !== -1);
      return ordered && reference.member === "output" && !KNOWS_NULL.test(site.text);
    });
    const certain = areCertain({ document, graph, order }, asked);
    asked.forEach((read, index) => {
      if (certain[index] !== 1) this.#maybeNull(read);
    });
  }

  #notBefore({ site, reference, node, reader }: NodeRead): void {
    const id = this.#subject.graph.ids[node];
    const self = node === reader;
    this.#add(
      "reference_not_ancestor",
      { site, reference },
      {
        message: self
          ? `"${id}" reads itself.`
          : `"${id}" does not come before "${this.#subject.graph.ids[reader]}".`,
        next: self ? "Read another node." : `Add an edge so that "${id}" comes first, or read another node.`,
      },
    );
  }

  #maybeNull({ site, reference }: NodeRead): void {
    this.#add(
      "maybe_null",
      { site, reference },
      {
        message: `The output of "${reference.node}" is null here where that node did not succeed.`,
        next: `Make sure that this may be null, or say what else to use: nodes.${reference.node}.output == null ? ... : ...`,
      },
    );
  }

  #add(
    code: IssueCode,
    { site, reference }: { readonly site: Site; readonly reference: Reference },
    text: { readonly message: string; readonly next: string },
  ): void {
    this.issues.push(makeIssue(code, site.path, { ...text, column: reference.column }));
  }
}

function problemIssue(site: Site, { message, column }: ExpressionProblem): Issue {
  if (message.startsWith("is longer than")) {
    return makeIssue("limit_expression", site.path, {
      message: `The expression ${message}.`,
      next: "Split it, or let an action compute the value.",
      column,
    });
  }
  if (message.startsWith("{{ without")) {
    return makeIssue("template_invalid", site.path, {
      message: `The {{ at column ${column} has no }} that ends it.`,
      next: "Close it with }}, or write \\{{ for two braces as text.",
      column,
    });
  }
  return makeIssue("expression_invalid", site.path, {
    message: `At column ${column}: ${message}.`,
    next: "Correct the expression; docs/reference/expressions.md says what it may hold.",
    column,
  });
}

function scopeIssue(site: Site, { root, column }: Reference): Issue {
  return makeIssue("reference_out_of_scope", site.path, {
    message: `There is no \`${root}\` in ${site.scope.place}.`,
    next: `Read ${[...site.scope.roots].join(", ")} here.`,
    column,
  });
}

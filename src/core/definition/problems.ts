/** What can be wrong with the shape of a document, whatever its graph says. `docs/reference/validation.md` lists the same codes. */

export const SHAPE_CODES = {
  duration_invalid: "A duration cannot be read.",
  field_invalid: "A field has a value of the wrong type or form.",
  field_missing: "A required field is missing.",
  field_unknown: "A field is not known.",
  format_unknown: "The document is of a format that this version does not know.",
  key_forbidden: "A key is one that JavaScript gives a meaning to.",
  kind_unknown: "A node or a source is of a kind that does not exist.",
  limit_depth: "The document is nested too deep.",
  limit_edges: "The document has too many edges.",
  limit_nodes: "The document has too many nodes.",
  limit_size: "The document is too large.",
  name_invalid: "A name is empty, too long, or has characters that names may not have.",
  node_id_invalid: "The id of a node is not one that nodes may have.",
  not_json: "The definition is not plain JSON.",
  not_supported_yet: "A field belongs to the format and is not supported by this version.",
  retry_invalid: "A retry policy is out of range.",
  schema_invalid: "The JSON Schema of the input is malformed, or uses a keyword that is not checked.",
} as const;

export type ShapeCode = keyof typeof SHAPE_CODES;

export interface Problem {
  readonly code: ShapeCode;
  /** Where in the document: `["nodes", "charge", "timeout"]`. Empty: the document as a whole. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** What to do, as a sentence. */
  readonly next: string;
}

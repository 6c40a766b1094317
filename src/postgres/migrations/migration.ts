/** One step from a version of the schema to the next. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** `schema` is quoted already. */
  readonly statements: (schema: string) => readonly string[];
}

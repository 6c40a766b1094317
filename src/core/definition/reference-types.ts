/**
 * What references look like to the compiler. Nothing of this exists at run time.
 *
 * `Of` is the name of the workflow that a reference was made in: as a literal type it keeps a reference out of another workflow.
 */
import type { Json } from "../json.ts";

declare const YIELDS: unique symbol;
declare const OF: unique symbol;
declare const TEXT: unique symbol;

/** Something in a template that yields a `T` when the run comes there. */
export interface Yields<out T, out Of extends string = string> {
  /** For types only: there is no such member. */
  readonly [YIELDS]: T;
  /** For types only: there is no such member. */
  readonly [OF]: Of;
}

/** Made by `expr`. Its type cannot be known before the run, so it fits everywhere; the action's schema checks it then. */
export type Expression<Of extends string = string> = Yields<never, Of>;

/** Made by `text`. */
export interface Text<Of extends string = string> extends Yields<string, Of> {
  /** For types only: there is no such member. */
  readonly [TEXT]: true;
}

/** What may stand in `expr`: everything but a text, which is a template of its own. */
export type ExpressionPart<Of extends string = string> =
  Json | (Yields<unknown, Of> & { readonly [TEXT]?: never });

/** A reference into data without a schema: every path may be followed, step by step, and fits everywhere. */
export interface LooseRef<out Of extends string = string> extends Yields<never, Of> {
  /** A member of an object, or an item of a list (from 0). */
  at(step: string | number): LooseRef<Of>;
  /** The same: what has no schema may be null anyway. */
  readonly orNull: LooseRef<Of>;
}

/**
 * A reference to a value of type `T`. A member of an object is `ref.name`, an item of a list `ref.at(0)`, a member of a map `ref.at("key")`.
 * A member that may be absent is `T | null`, as expressions read it. `ref.orNull` says that null is expected, because the node that is
 * read may not have succeeded.
 *
 * A field that is called `orNull` itself is read with `expr`.
 */
export type Ref<T, Of extends string = string> = Json extends T
  ? LooseRef<Of>
  : Yields<T, Of> & Members<T, Of> & { readonly orNull: Yields<T | null, Of> & Members<T | null, Of> };

type Members<T, Of extends string> =
  NonNullable<T> extends readonly (infer Item)[]
    ? { at(index: number): Ref<Item | NullOf<T>, Of> }
    : NonNullable<T> extends object
      ? ObjectMembers<NonNullable<T>, NullOf<T>, Of>
      : unknown;

type ObjectMembers<T extends object, Null, Of extends string> = string extends keyof T
  ? { at(key: string): Ref<T[keyof T] | null, Of> }
  : { readonly [Key in keyof T]-?: Ref<MemberOf<T, Key> | Null, Of> };

/** A member of null is null. */
type NullOf<T> = null extends T ? null : never;
type MemberOf<T, Key extends keyof T> = undefined extends T[Key] ? Exclude<T[Key], undefined> | null : T[Key];

/** What may stand where a `T` is needed: the value itself, or in any part of it something that yields that part. */
export type Templated<T, Of extends string = string> = Json extends T
  ? AnyTemplate<Of>
  : T | Yields<T, Of> | TemplatedParts<T, Of>;

/** Only written out objects and lists: a reference to an object that may be null looks like one, and is none. */
type TemplatedParts<T, Of extends string> = T extends object
  ? { readonly [Key in keyof T]: Templated<T[Key], Of> } & { readonly [YIELDS]?: never }
  : never;

export type AnyTemplate<Of extends string = string> =
  | null
  | boolean
  | number
  | string
  | Yields<unknown, Of>
  | readonly AnyTemplate<Of>[]
  | { readonly [name: string]: AnyTemplate<Of> | undefined };

/** What a template yields: the other way round. What only the run can know is `Json`. */
export type Yielded<T> = [Json] extends [T]
  ? Json
  : [T] extends [Yields<infer Value>]
    ? [Value] extends [never]
      ? Json
      : Value
    : T extends object
      ? { [Key in keyof T]: Yielded<T[Key]> }
      : T;

/** What references look like to the compiler. Nothing of this exists at run time. */
import type { Json } from "../json.ts";

declare const YIELDS: unique symbol;

/** Something in a template that yields a `T` when the run comes there. */
export interface Yields<out T> {
  /** For types only: there is no such member. */
  readonly [YIELDS]: T;
}

/** Made by `expr`. Its type cannot be known before the run, so it fits everywhere; the action's schema checks it then. */
export type Expression = Yields<never>;

/** Made by `text`. */
export type Text = Yields<string>;

/** A reference into data without a schema: every path may be followed, and fits everywhere. */
export interface LooseRef extends Yields<never> {
  readonly [member: string]: LooseRef;
}

/**
 * A reference to a value of type `T`. A member of an object is `ref.name`, an item of a list `ref.at(0)`; a member that may be absent
 * is `T | null`, as expressions read it. `ref.orNull` says that null is expected, where the node that is read may not have succeeded.
 *
 * A field that is called `orNull` itself, and members of keys that are not in the type, are read with `expr`.
 */
export type Ref<T> = Json extends T ? LooseRef : Yields<T> & Members<T> & { readonly orNull: Yields<T | null> & Members<T | null> };

type Members<T> =
  NonNullable<T> extends readonly (infer Item)[]
    ? { at(index: number): Ref<Item | NullOf<T>> }
    : NonNullable<T> extends object
      ? { readonly [Key in keyof NonNullable<T>]-?: Ref<MemberOf<NonNullable<T>, Key> | NullOf<T>> }
      : unknown;

/** A member of null is null. */
type NullOf<T> = null extends T ? null : never;
type MemberOf<T, Key extends keyof T> = undefined extends T[Key] ? Exclude<T[Key], undefined> | null : T[Key];

/** What may stand where a `T` is needed: the value itself, or in any part of it something that yields that part. */
export type Templated<T> = Json extends T ? AnyTemplate : T | Yields<T> | TemplatedParts<T>;
type TemplatedParts<T> = T extends object ? { readonly [Key in keyof T]: Templated<T[Key]> } : never;

export type AnyTemplate =
  | null
  | boolean
  | number
  | string
  | Yields<unknown>
  | readonly AnyTemplate[]
  | { readonly [name: string]: AnyTemplate };

/** What a template yields: the other way round. What only the run can know is `Json`. */
export type Yielded<T> = [T] extends [Yields<infer Value>]
  ? [Value] extends [never]
    ? Json
    : Value
  : T extends object
    ? { [Key in keyof T]: Yielded<T[Key]> }
    : T;

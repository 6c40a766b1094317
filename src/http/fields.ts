/** Fields that several routes take. */
import { z } from "zod";

/** No control characters: PostgreSQL stores no NUL, and nothing that is named has others. No lone surrogates: they are no text. */
// oxlint-disable-next-line no-control-regex -- they are what is refused
const NAME_TEXT = /^[^\u0000-\u001f\u007f\ud800-\udfff]*$/u;

export function isNameText(text: string): boolean {
  return NAME_TEXT.test(text);
}

export const name: z.ZodString = z
  .string()
  .min(1)
  .max(300)
  .regex(NAME_TEXT, "text without control characters");

/** Where a page ended: made of names, which may be long, and longer as they are written there. */
export const cursor: z.ZodString = z
  .string()
  .min(1)
  .max(2_000)
  .regex(NAME_TEXT, "the cursor of the page before");

/** What runs are found by that have an error with it. */
export const errorText: z.ZodString = name.max(200);

export const labels: z.ZodRecord<z.ZodString, z.ZodString> = z.record(
  name,
  z.string().max(256).regex(NAME_TEXT),
);

/** A time as text, as the engine takes it. */
export const time: z.ZodPipe<z.ZodISODateTime, z.ZodTransform<Date, string>> = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text));

export const limit: z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> = z
  .string()
  .regex(/^\d{1,4}$/, "a whole number from 1 to 1000")
  .transform(Number);

/** `{}`, or no body at all. */
export const nothing: z.ZodPrefault<z.ZodObject<Record<never, never>, z.core.$strict>> = z
  .strictObject({})
  .prefault({});

/** The formats of JSON Schema that are checked. The expressions are zod's and fixed; none comes from a user. */
import { z, type ZodType } from "zod";

export const FORMATS: ReadonlyMap<string, ZodType> = new Map<string, ZodType>([
  ["date", z.iso.date()],
  ["date-time", z.iso.datetime({ offset: true })],
  ["duration", z.iso.duration()],
  ["email", z.email()],
  ["hostname", z.hostname()],
  ["ipv4", z.ipv4()],
  ["ipv6", z.ipv6()],
  ["time", z.iso.time()],
  ["uri", z.url()],
  // Any version: RFC 4122 does not ask for one that is known.
  ["uuid", z.guid()],
]);

/** Texts longer than this have none of these formats, and are not shown to an expression at all. */
export const MAX_FORMAT_CHARACTERS = 4_096;

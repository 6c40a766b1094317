/**
 * Values on their way to PostgreSQL, and back. What JSON's numbers cannot hold exactly stays text. The tables are the action's own: the
 * driver's are the host's to change, for its own queries.
 */
import type { Json } from "../core/json.ts";
import { arrayText, parseArray } from "./sql-array.ts";

/** A parameter as text, whose type the statement decides. A list is an array, an object is JSON. */
export function parameterOf(value: Json): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return arrayText(value, parameterOf);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

type Parse = (text: string) => Json;

const asText: Parse = (text) => text;
/** `NaN` and `Infinity` are no JSON. */
const asNumber: Parse = (text) => (Number.isFinite(Number(text)) ? Number(text) : text);
const asJson: Parse = (text) => JSON.parse(text) as Json;
const asBoolean: Parse = (text) => text === "t";
/** `\x48656c6c6f` */
const asBase64: Parse = (text) => Buffer.from(text.slice(2), "hex").toString("base64");

/** By the types' numbers, which never change. */
const PARSERS: ReadonlyMap<number, Parse> = new Map([
  [16, asBoolean],
  [17, asBase64],
  [21, asNumber], // int2
  [23, asNumber], // int4
  [26, asNumber], // oid
  [114, asJson],
  [700, asNumber], // float4
  [701, asNumber], // float8
  [3802, asJson], // jsonb
]);

/** Which type the elements of an array have. Of types that are not here arrays are texts. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16], // bool
  [1001, 17], // bytea
  [1002, 18], // "char"
  [1003, 19], // name
  [1016, 20], // int8
  [1005, 21], // int2
  [1007, 23], // int4
  [1009, 25], // text
  [1028, 26], // oid
  [199, 114], // json
  [651, 650], // cidr
  [1021, 700], // float4
  [1022, 701], // float8
  [1041, 869], // inet
  [1014, 1042], // char
  [1015, 1043], // varchar
  [1182, 1082], // date
  [1183, 1083], // time
  [1115, 1114], // timestamp
  [1185, 1184], // timestamptz
  [1187, 1186], // interval
  [1270, 1266], // timetz
  [1231, 1700], // numeric
  [2951, 2950], // uuid
  [3807, 3802], // jsonb
]);

/** How the driver shall read a column. */
export const columnTypes = {
  getTypeParser(type: number): Parse {
    const element = ELEMENTS.get(type);
    if (element === undefined) return PARSERS.get(type) ?? asText;
    const parse = PARSERS.get(element) ?? asText;
    return (text) => parseArray(text, parse);
  },
};

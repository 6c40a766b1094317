/** Freezes a value and all it holds, maps included: whoever changes it afterwards throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const name of ["set", "delete", "clear"] as const) {
      Object.defineProperty(value, name, {
        value: () => {
          throw new TypeError("this map is frozen");
        },
      });
    }
    for (const member of value.values()) deepFreeze(member);
  }
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

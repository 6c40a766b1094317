/** Whether the entry with this place is not one that asks for a place and gets none. */
export function hasPlace(i: string): string {
  return `(${i} in (select placed.i from placed) or ${i} not in (select p.i from p where p.type = 'take'))`;
}

// Reading by an index or a key that must be there.

/** Returns the value. An undefined one means that the index or key was wrong, which is a bug. */
export function defined<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new RangeError("no value at this index or key");
  return value;
}

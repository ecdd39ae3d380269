// Refuses settings of faults that cannot be used, by name.

/** @throws TypeError unless the value is a number of at least `least`. */
export function requireNumber(name: string, value: number, least = 0): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new TypeError(`"${name}" must be a number of at least ${least}, not ${value}`);
}

/** @throws TypeError unless the value is a whole number from `least` to `most`. */
export function requireWhole(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new TypeError(`"${name}" must be a whole number ${range}, not ${value}`);
}

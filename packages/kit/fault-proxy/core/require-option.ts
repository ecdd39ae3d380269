// Checks of the settings of faults. An error names the setting.

/** @throws {TypeError} unless `value` is a number of at least `min`. */
export function requireNumber(name: string, value: number, min = 0): void {
  if (Number.isFinite(value) && value >= min) return;
  throw new TypeError(`"${name}" must be a number of at least ${min}, not ${value}`);
}

/** @throws {TypeError} unless `value` is a whole number from `min` to `max`. */
export function requireWhole(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new TypeError(`"${name}" must be a whole number ${range}, not ${value}`);
}

// Mapping of the contract's timestamps, in events and requests, to Date.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Validation } from '../platform/base/validation.ts';

const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;
const NANOS_A_SECOND = 1_000_000_000;

/**
 * Returns the time in whole milliseconds, rounded up so that a time at or after the start of a span stays so. Adds a violation for a
 * time outside the years 1 to 9999. A missing time is undefined, and a violation when it is `required`.
 */
export function readTime(
  validation: Validation,
  field: string,
  time: Timestamp | undefined,
  { required }: { readonly required: boolean },
): Date | undefined {
  if (time === undefined) {
    if (required) validation.add(field, 'must be set');
    return undefined;
  }
  const { seconds, nanos } = time;
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= NANOS_A_SECOND) {
    validation.add(field, 'must be a time of the years 1 to 9999');
    return undefined;
  }
  return new Date(Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000));
}

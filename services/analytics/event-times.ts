// Times of the contract as times of JavaScript: of events and of the spans that are asked for alike.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Validation } from '../platform/base/validation.ts';

const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;
const NANOS_A_SECOND = 1_000_000_000;

/**
 * The time in whole milliseconds, rounded up: what is not before a span's start is not before it rounded either. Adds a
 * violation for a time outside the years 1 to 9999; one that is not set is undefined and a violation only if it is `required`.
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

// How much of an error is sent. All of it travels in headers, the message even twice in gRPC: percent-encoded, and in the details, which
// are encoded in base64. Clients built on gRPC's C core, such as Python's, refuse more than 8 KB of headers and then see
// RESOURCE_EXHAUSTED instead of the error. Pure.
import type { FieldViolation } from './errors.ts';
import { cleanText } from './text.ts';

// In bytes: together, encoded, well below 8 KB.
const MAX_MESSAGE_BYTES = 1_000;
const MAX_VIOLATION_BYTES = 2_000;
const MAX_METADATA_BYTES = 1_000;
const MAX_DESCRIPTION_LENGTH = 200;
// What protobuf takes for a text in addition to its bytes.
const TEXT_OVERHEAD_BYTES = 3;

/** What is sent of an error. */
export type SentError = {
  readonly message: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
};

/** The part of an error that fits; the metadata say how many violations are left out, as `omitted_violations`. */
export function limitError({ message, violations, metadata }: SentError): SentError {
  const sent = takeFitting(violations.map(shorten), MAX_VIOLATION_BYTES, ({ field, description }) => [
    field,
    description,
  ]);
  const omitted = violations.length - sent.length;
  const counted = omitted === 0 ? metadata : { omitted_violations: String(omitted), ...metadata };
  return {
    message: limitMessage(message),
    violations: sent,
    metadata: limitMetadata(counted),
  };
}

// A value that does not fit is left out as a whole: half a value may mean something else.
function limitMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const sent: Record<string, string> = {};
  let left = MAX_METADATA_BYTES;
  for (const [name, value] of Object.entries(metadata)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2 * TEXT_OVERHEAD_BYTES;
    if (bytes > left) continue;
    left -= bytes;
    sent[name] = value.toWellFormed();
  }
  return sent;
}

/** A message that fits, in one line. */
function limitMessage(message: string): string {
  let length = MAX_MESSAGE_BYTES;
  let text = cleanText(message, length);
  while (encodedBytes(text) > MAX_MESSAGE_BYTES) {
    length = Math.floor(length * 0.9);
    text = cleanText(message, length);
  }
  return text;
}

/** The message of bad input: its first violations, and the number of the others. */
export function describeViolations(violations: readonly FieldViolation[]): string {
  const faults = violations.map((violation) => {
    const { field, description } = shorten(violation);
    return `${field}: ${description}`;
  });
  // Leaves room for the count.
  const listed = takeFitting(faults, MAX_MESSAGE_BYTES - 50, (fault) => [`${fault}; `], encodedBytes);
  const others = faults.length - listed.length;
  if (listed.length === 0) return `${others} violations`;
  return [...listed, ...(others === 0 ? [] : [`and ${others} more`])].join('; ');
}

function shorten({ field, description }: FieldViolation): FieldViolation {
  return {
    field: cleanText(field, MAX_DESCRIPTION_LENGTH),
    description: cleanText(description, MAX_DESCRIPTION_LENGTH),
  };
}

/** The items at the beginning of a list whose texts have at most `maxBytes` bytes together. */
export function takeFitting<Item>(
  items: readonly Item[],
  maxBytes: number,
  textsOf: (item: Item) => readonly string[],
  bytesOf: (text: string) => number = (text) => Buffer.byteLength(text),
): Item[] {
  let left = maxBytes;
  const end = items.findIndex((item) => {
    for (const text of textsOf(item)) left -= bytesOf(text) + TEXT_OVERHEAD_BYTES;
    return left < 0;
  });
  return items.slice(0, end === -1 ? items.length : end);
}

// As in `grpc-message`, where each byte of other than visible ASCII takes three.
function encodedBytes(text: string): number {
  return Buffer.byteLength(text) + 2 * Buffer.byteLength(text.replace(/[ -~]/g, ''));
}

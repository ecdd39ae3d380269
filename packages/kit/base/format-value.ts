// How values appear in the kit's messages: short, on one line, enum values by name.

import type { DescEnum } from '@bufbuild/protobuf';

const MAX_TEXT_LENGTH = 200;

/** Returns `value` as text, all of it. */
export function formatValue(value: unknown, enumDesc?: DescEnum): string {
  if (value === undefined) return 'nothing';
  if (enumDesc && typeof value === 'number') return enumDesc.value[value]?.name ?? String(value);
  return value instanceof Uint8Array ? formatBytes(value) : JSON.stringify(value, replaceForText);
}

/** Returns the beginning of `text` where it is too long to be read. */
export function shorten(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

function replaceForText(key: string, value: unknown): unknown {
  if (key === '$typeName' || key === '$unknown') return undefined;
  if (typeof value === 'bigint') return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  // JSON has no text of its own for these and would make them all alike.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value instanceof Uint8Array ? formatBytes(value) : value;
}

function formatBytes(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

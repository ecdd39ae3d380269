// Stable names for the external operations of a service, so that the same operation is recognised in another process. Pure.

/** The kinds of operation that a crash may happen before or after. */
export const OPERATION_KINDS = ['write', 'commit', 'publish', 'ack', 'nak', 'term', 'call'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** Whether the process dies right before or right after the operation. */
export const PHASES = ['before', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** One external operation. Its name holds nothing that changes from run to run. */
export type Operation = {
  readonly kind: OperationKind;
  /** The RPC or event that caused it; empty for background work. */
  readonly origin: string;
  readonly name: string;
};

/** An operation with one origin, or with any origin. */
export type OperationPattern = Omit<Operation, 'origin'> & { readonly origin: string | undefined };

const WRITTEN_TABLE = /(?<!\bfor\s+)\b(insert\s+into|delete\s+from|update)\s+(?!set\b|skip\b|of\b|nowait\b)([a-z_]+)/gi;
// Three capital letters are a currency.
const STATE = /^[A-Z]{4,}(_[A-Z]+)*$|^[A-Z]+(_[A-Z]+)+$/;
const MESSAGE_TYPE = /^[a-z][a-z0-9_.]*\.([A-Z]\w*)$/;
const OUTBOX = 'insert outbox';

/**
 * Names a statement by the tables it writes, the states among its parameters and the events it stores. Returns undefined when it
 * writes nothing.
 */
export function nameStatement(text: string, values: readonly unknown[]): string | undefined {
  const written = [...text.matchAll(WRITTEN_TABLE)].map(([, verb, table]) => `${verb?.split(/\s/)[0]} ${table}`);
  if (written.length === 0) return undefined;
  const states = values.flat().filter((value) => typeof value === 'string' && STATE.test(value));
  const events = values.filter(Array.isArray).flatMap((value) => value.flatMap(shortMessageName));
  const tables = written.filter((table) => table !== OUTBOX || written.length === 1);
  return [
    [...new Set(tables)].join(', '),
    ...(states.length > 0 ? [`(${[...new Set(states)].join(' ')})`] : []),
    ...(events.length > 0 ? [`+ ${[...new Set(events)].join(', ')}`] : []),
  ].join(' ');
}

/** Names a commit by the writing statements of its transaction. Returns undefined when there are none. */
export function nameCommit(writes: readonly string[]): string | undefined {
  return writes.length === 0 ? undefined : [...new Set(writes)].join('; ');
}

/** Removes the package from the name of a subject, an RPC or a message type. */
export function shortName(fullName: string): string {
  return fullName.replaceAll(/\/?\b([a-z][a-z0-9_]*\.)+(?=[A-Z])/g, '');
}

/** Whether an operation matches a pattern. */
export function isMatch(pattern: OperationPattern, { kind, origin, name }: Operation): boolean {
  return pattern.kind === kind && pattern.name === name && (pattern.origin === undefined || pattern.origin === origin);
}

/** Formats an operation or a pattern in one line. */
export function formatOperation({ kind, origin, name }: OperationPattern): string {
  if (origin === undefined) return `${kind} ${name}, any origin`;
  return origin === '' ? `${kind} ${name}` : `${kind} ${origin}: ${name}`;
}

function shortMessageName(value: unknown): string[] {
  const name = typeof value === 'string' ? MESSAGE_TYPE.exec(value)?.[1] : undefined;
  return name === undefined ? [] : [name];
}

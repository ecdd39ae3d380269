// Stable names for what a service does at its outside ports, so that the same operation is known again in another process. Pure.

/** What kinds of operation a crash may come before or after. */
export const OPERATION_KINDS = ['write', 'commit', 'publish', 'ack', 'nak', 'term', 'call'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** Whether the process dies right before the operation, or right after it. */
export const PHASES = ['before', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** One operation at a port, named without anything that changes from run to run. */
export type Operation = {
  readonly kind: OperationKind;
  /** The RPC served or the event handled by it; empty for the process's own work. */
  readonly origin: string;
  readonly name: string;
};

/** An operation on one origin, or on anyone's. */
export type OperationPattern = Omit<Operation, 'origin'> & { readonly origin: string | undefined };

const WRITTEN_TABLE = /(?<!\bfor\s+)\b(insert\s+into|delete\s+from|update)\s+(?!set\b|skip\b|of\b|nowait\b)([a-z_]+)/gi;
// Three capitals are a currency.
const STATE = /^[A-Z]{4,}(_[A-Z]+)*$|^[A-Z]+(_[A-Z]+)+$/;
const MESSAGE_TYPE = /^[a-z][a-z0-9_.]*\.([A-Z]\w*)$/;
const OUTBOX = 'insert outbox';

/**
 * Names a statement by the tables it writes, the states among its parameters and the events it stores; undefined when it writes
 * nothing.
 */
export function nameStatement(text: string, values: readonly unknown[]): string | undefined {
  const written = [...text.matchAll(WRITTEN_TABLE)].map(([, verb, table]) => `${verb?.split(/\s/)[0]} ${table}`);
  if (written.length === 0) return undefined;
  const states = values.filter((value) => typeof value === 'string' && STATE.test(value));
  const events = values.filter(Array.isArray).flatMap((value) => value.flatMap(shortMessageName));
  const tables = written.filter((table) => table !== OUTBOX || written.length === 1);
  return [
    [...new Set(tables)].join(', '),
    ...(states.length > 0 ? [`(${[...new Set(states)].join(' ')})`] : []),
    ...(events.length > 0 ? [`+ ${[...new Set(events)].join(', ')}`] : []),
  ].join(' ');
}

/** Names a commit by the statements that wrote in its transaction; undefined when none did. */
export function nameCommit(writes: readonly string[]): string | undefined {
  return writes.length === 0 ? undefined : [...new Set(writes)].join('; ');
}

/** The short name of a subject, an RPC or a message type: what follows its package. Words around it stay. */
export function shortName(fullName: string): string {
  return fullName.replaceAll(/\/?\b([a-z][a-z0-9_]*\.)+(?=[A-Z])/g, '');
}

/** Whether an operation is one that a pattern stands for. */
export function isMatch(pattern: OperationPattern, { kind, origin, name }: Operation): boolean {
  return pattern.kind === kind && pattern.name === name && (pattern.origin === undefined || pattern.origin === origin);
}

/** An operation, or a pattern of some, as one line. */
export function formatOperation({ kind, origin, name }: OperationPattern): string {
  if (origin === undefined) return `${kind} ${name}, for anyone`;
  return origin === '' ? `${kind} ${name}` : `${kind} ${origin}: ${name}`;
}

function shortMessageName(value: unknown): string[] {
  const name = typeof value === 'string' ? MESSAGE_TYPE.exec(value)?.[1] : undefined;
  return name === undefined ? [] : [name];
}

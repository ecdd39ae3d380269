// From recorded runs to the rows of the matrix: which operations a process is killed before and after, and in which step of the
// scenario each is reached. Pure.
import type { ServiceName } from '#local/shared/topology.ts';
import {
  formatOperation,
  isMatch,
  OPERATION_KINDS,
  type Operation,
  type OperationKind,
  type OperationPattern,
  PHASES,
  type Phase,
} from './labels.ts';

/** The step of a recording in which nobody asked for anything. */
export const IDLE = 'idle';

/** One operation as it was recorded: by which service, in which step, and whether it had any effect. */
export type Recorded = Operation & {
  readonly service: ServiceName;
  readonly step: string;
  readonly effective: boolean;
};

export type Point = OperationPattern & {
  readonly service: ServiceName;
  /** The step of the scenario that reaches it. */
  readonly step: string;
  /** Whether it is also done, without effect, while there is nothing to do. */
  readonly idle: boolean;
};

/** One row of the matrix. */
export type Row = Point & { readonly phase: Phase };

export type Derivation = {
  readonly points: readonly Point[];
  /** Operations that one recording has and another lacks: no row could count on reaching them. */
  readonly unstable: readonly string[];
};

/**
 * Derives the points from recordings of the same scenario: every operation with an effect that each recording has in one and the
 * same step. What is done now on one origin and now on another, whoever is first, is a point for anyone's. `steps` is the order
 * in which steps are preferred.
 */
export function derivePoints(recordings: readonly (readonly Recorded[])[], steps: readonly string[]): Derivation {
  const points = new Map<string, Point>();
  const missed: Recorded[] = [];
  const recorded = recordings.flat();
  const asked = recorded.filter(({ effective, step }) => effective && step !== IDLE);
  const add = (service: ServiceName, pattern: OperationPattern): boolean => {
    const step = findStableStep(recordings, steps, service, pattern);
    if (step === undefined) return false;
    const idle = recorded.some((one) => one.step === IDLE && one.service === service && isMatch(pattern, one));
    points.set(keyOf(service, pattern), { service, ...pickPattern(pattern), step, idle });
    return true;
  };
  for (const operation of uniqueOperations(asked)) {
    if (!add(operation.service, operation)) missed.push(operation);
  }
  const steady = [...points.values()];
  const unstable = missed.filter((operation) => {
    const { service, kind, name } = operation;
    const isCovered = steady.some((point) => point.service === service && point.kind === kind && point.name === name);
    return isCovered || !add(service, { ...operation, origin: undefined });
  });
  return {
    points: [...points.values()].toSorted(comparePoints),
    unstable: unstable.map((operation) => keyOf(operation.service, operation)).toSorted(),
  };
}

/** The rows of all points, services taking turns as evenly as their numbers allow, so that each rests between its deaths. */
export function listRows(points: readonly Point[]): Row[] {
  const rows = points.flatMap((point) => PHASES.map((phase) => ({ ...point, phase })));
  const numberOf = countBy(rows, ({ service }) => service);
  const seen = new Map<string, number>();
  const placed = rows.map((row) => {
    const index = seen.get(row.service) ?? 0;
    seen.set(row.service, index + 1);
    return { row, place: (index + 0.5) / (numberOf.get(row.service) ?? 1) };
  });
  return placed.toSorted((one, other) => one.place - other.place).map(({ row }) => row);
}

/** Whether a row is wanted: of that service, with all those words in its line. Undefined and empty want everything. */
export function isWanted(
  row: Row,
  { service, only }: { service?: string | undefined; only?: string | undefined },
): boolean {
  if (service && row.service !== service) return false;
  const line = `${row.service} ${row.phase} ${formatOperation(row)}`.toLowerCase();
  return !only || line.includes(only.toLowerCase());
}

/** What every service must have shown: a recording without it was made through broken wrappers. */
const REQUIRED_KINDS: Readonly<Partial<Record<ServiceName, readonly OperationKind[]>>> = {
  order: ['write', 'commit', 'publish', 'ack', 'call'],
  inventory: ['write', 'commit', 'publish', 'ack', 'nak', 'term'],
  payment: ['write', 'commit', 'publish', 'call'],
  notification: ['write', 'commit', 'publish', 'ack', 'call'],
  analytics: ['write', 'commit', 'ack', 'nak', 'term'],
};

/** The kinds of operation that a recording lacks although the service cannot work without them. */
export function findMissingKinds(points: readonly Point[]): string[] {
  return Object.entries(REQUIRED_KINDS).flatMap(([service, kinds]) =>
    kinds
      .filter((kind) => !points.some((point) => point.service === service && point.kind === kind))
      .map((kind) => `${service} ${kind}`),
  );
}

/** How many points there are of each service and kind: one entry a service, kinds in their order. */
export function countPoints(points: readonly Point[]): Map<ServiceName, Map<OperationKind, number>> {
  const counts = new Map<ServiceName, Map<OperationKind, number>>();
  for (const service of new Set(points.map((point) => point.service))) {
    const own = points.filter((point) => point.service === service);
    const kinds = countBy(own, ({ kind }) => kind);
    counts.set(service, new Map(OPERATION_KINDS.map((kind) => [kind, kinds.get(kind) ?? 0])));
  }
  return counts;
}

/** The first step in which every recording has the operation, with an effect. */
function findStableStep(
  recordings: readonly (readonly Recorded[])[],
  steps: readonly string[],
  service: ServiceName,
  pattern: OperationPattern,
): string | undefined {
  return steps.find((step) =>
    recordings.every((recording) =>
      recording.some((one) => one.service === service && one.step === step && one.effective && isMatch(pattern, one)),
    ),
  );
}

function uniqueOperations(operations: readonly Recorded[]): Recorded[] {
  return [...new Map(operations.map((operation) => [keyOf(operation.service, operation), operation])).values()];
}

function pickPattern({ kind, origin, name }: OperationPattern): OperationPattern {
  return { kind, origin, name };
}

function keyOf(service: ServiceName, pattern: OperationPattern): string {
  return `${service} ${formatOperation(pattern)}`;
}

function comparePoints(one: Point, other: Point): number {
  return (
    one.service.localeCompare(other.service) ||
    OPERATION_KINDS.indexOf(one.kind) - OPERATION_KINDS.indexOf(other.kind) ||
    formatOperation(one).localeCompare(formatOperation(other))
  );
}

function countBy<Thing, Key>(things: readonly Thing[], keyOfThing: (thing: Thing) => Key): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const thing of things) counts.set(keyOfThing(thing), (counts.get(keyOfThing(thing)) ?? 0) + 1);
  return counts;
}

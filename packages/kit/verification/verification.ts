// The result of a verification: a row for each interaction, a cell for each way it was replayed, and why one failed.

import { type Difference, formatDifferences } from '../matching/difference.ts';

/** What came of one interaction, replayed one way. */
export type Check = {
  /** Such as `gRPC, HTTP/2`; for what has no wire, such as an event, what it was compared with. */
  readonly wire: string;
  /** Where the provider differs from what the consumer relies on. */
  readonly differences: readonly Difference[];
  /** Why it could not be compared at all. */
  readonly fault: string | undefined;
};

/** All that came of one interaction. */
export type VerifiedInteraction = {
  readonly consumer: string;
  readonly provider: string;
  /** The description and the states. */
  readonly title: string;
  /** The same for interactions that rely on the same. */
  readonly digest: string;
  readonly checks: readonly Check[];
};

/** What came of all. */
export type Verification = {
  /** Whether every check of every interaction passed. */
  readonly isHonoured: boolean;
  readonly interactions: readonly VerifiedInteraction[];
  /** Returns the table, and below it what failed and why. */
  toString(): string;
  /** @throws {VerificationError} with the table when a check failed. */
  assertHonoured(): void;
};

/** A provider does not honour a contract; its message is the table. */
export class VerificationError extends Error {}

/** Returns the verification of these interactions. */
export function createVerification(interactions: readonly VerifiedInteraction[]): Verification {
  const isHonoured = interactions.every(({ checks }) => checks.every(hasPassed));
  const hint = speaksOnlyGrpc(interactions) ? ['', GRPC_HINT] : [];
  const render = () => [...renderTable(interactions), ...interactions.flatMap(explainFailures), ...hint].join('\n');
  return {
    isHonoured,
    interactions,
    toString: render,
    assertHonoured() {
      if (!isHonoured) throw new VerificationError(render());
    },
  };
}

const GRPC = 'gRPC, HTTP/2';
const GRPC_HINT =
  'Every call but those of gRPC failed without an answer of the contract. If the provider speaks gRPC alone, as grpcio and grpc-java ' +
  `do, verify it with the wires ['${GRPC}'] (kit verify --wire grpc).`;

// A server of gRPC alone refuses the other protocols in ways of its own: it resets the connection, or answers HTTP 415.
function speaksOnlyGrpc(interactions: readonly VerifiedInteraction[]): boolean {
  const checks = interactions.flatMap((interaction) => interaction.checks);
  const hasNoAnswer = ({ differences }: Check) => differences.some(({ path }) => path.startsWith('error'));
  const others = checks.filter(({ wire }) => wire !== GRPC && wire !== 'schema');
  return (
    others.length > 0 &&
    others.every(hasNoAnswer) &&
    checks.some((check) => check.wire === GRPC && check.fault === undefined && !hasNoAnswer(check))
  );
}

function hasPassed({ differences, fault }: Check): boolean {
  return differences.length === 0 && fault === undefined;
}

function renderTable(interactions: readonly VerifiedInteraction[]): string[] {
  const wires = [...new Set(interactions.flatMap(({ checks }) => checks.map(({ wire }) => wire)))];
  const head = ['consumer', 'interaction', ...wires];
  const rows = interactions.map(({ consumer, title, checks }) => [
    consumer,
    title,
    ...wires.map((wire) => renderCell(checks.find((check) => check.wire === wire))),
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function renderCell(check: Check | undefined): string {
  if (!check) return '-';
  return hasPassed(check) ? 'ok' : 'FAILED';
}

// A failure that several wires share is printed once.
function explainFailures({ consumer, provider, title, checks }: VerifiedInteraction): string[] {
  const wiresByReason = new Map<string, string[]>();
  for (const check of checks.filter((candidate) => !hasPassed(candidate))) {
    const text = check.fault === undefined ? formatDifferences(check.differences, '    ') : `    ${check.fault}`;
    wiresByReason.set(text, [...(wiresByReason.get(text) ?? []), check.wire]);
  }
  return [...wiresByReason].flatMap(([reason, wires]) => [
    '',
    `${provider} does not honour "${title}" of ${consumer}`,
    `  in ${wires.length === checks.length && wires.length > 1 ? `all ${wires.length} ways` : wires.join('; ')}:`,
    reason,
  ]);
}

// The report of `can-i-deploy` for people: a table of the pairs, and below it what is not honoured.

import type { DeployedPair, DeployReport, ParticipantVersion } from './can-i-deploy.ts';

const NOT_DEPLOYED = '-';

/** Formats a report. */
export function formatDeployReport({ isDeployable, pairs }: DeployReport): string {
  const head = ['consumer', 'version', 'provider', 'version', 'interactions', ''];
  const rows = pairs.map(({ consumer, provider, interactions, isHonoured }) => [
    consumer.name,
    consumer.version ?? NOT_DEPLOYED,
    provider.name,
    provider.version ?? NOT_DEPLOYED,
    String(interactions),
    isHonoured ? 'ok' : 'BREAKS',
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const table = [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const verdict = isDeployable ? 'it can be deployed' : 'it cannot be deployed';
  return [...table, ...pairs.flatMap(explain), '', verdict].join('\n');
}

function explain({ consumer, provider, problems }: DeployedPair): string[] {
  if (problems.length === 0) return [];
  const head = `${describe(provider)} may break ${describe(consumer)}, which relies on`;
  return ['', head, ...problems.map(({ interaction, reason }) => `  "${interaction}": ${reason}`)];
}

function describe({ name, version }: ParticipantVersion): string {
  return version === undefined ? name : `${name} at ${version}`;
}

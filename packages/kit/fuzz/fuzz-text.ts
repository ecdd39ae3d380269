// The report of the fuzzer as text, and as JUnit XML.

import type { FuzzFinding, FuzzReport, FuzzStep } from './fuzz.ts';

/** Returns a finding as lines of text. */
export function formatFinding({ kind, rpc, wire, detail, cause, curl, grpcurl, sequence }: FuzzFinding): string {
  const last = sequence === undefined ? '' : `, call ${sequence.length} of a sequence`;
  return [
    `${kind}: ${detail}`,
    `  ${rpc}, ${wire}${last}${cause === '' ? '' : `, because of ${cause}`}`,
    ...(sequence === undefined ? formatCommands({ curl, grpcurl }) : sequence.flatMap(formatStep)),
  ].join('\n');
}

function formatCommands({ curl, grpcurl }: Pick<FuzzFinding, 'curl' | 'grpcurl'>): string[] {
  return [...(grpcurl === undefined ? [] : [`  $ ${grpcurl}`]), `  $ ${curl}`];
}

function formatStep(step: FuzzStep, index: number): string[] {
  const taken = step.taken.map(({ field, call, from }) => `${field} is ${from} of the answer to call ${call}`);
  const values = [...taken, ...step.renewed.map((name) => `${name} is new each time`)];
  const head = `  call ${index + 1}, ${step.rpc}${values.length === 0 ? '' : `: ${values.join('; ')}`}`;
  return [head, ...formatCommands(step).map((line) => `  ${line}`)];
}

/** Returns the last line of a report. */
export function formatSummary({ calls, rpcs, findings, seed, wires, isGone, notes }: FuzzReport): string {
  const dropped = rpcs.filter(({ isDropped }) => isDropped).map(({ rpc }) => rpc);
  return [
    `${count(calls, 'call')} of ${count(rpcs.length, 'RPC')} by ${wires.join('; ')}: ${count(findings.length, 'finding')}; seed ${seed}`,
    ...(dropped.length === 0 ? [] : [`no longer called, because too many calls did not end: ${dropped.join(', ')}`]),
    ...notes,
    ...(isGone ? ['the service ended and did not come back'] : []),
  ].join('\n');
}

/** Returns a report as JUnit XML: a test case for each RPC, a failure for each finding. */
export function formatJunit({ rpcs, findings, seed }: FuzzReport): string {
  const cases = rpcs.map(({ rpc, calls }) => {
    const failures = findings.filter((finding) => finding.rpc === rpc).map(formatFailure);
    const [service = '', method = ''] = rpc.split('/');
    const attributes = `classname="${escapeXml(service)}" name="${escapeXml(method)}" assertions="${calls}"`;
    return [`    <testcase ${attributes}>`, ...failures, '    </testcase>'].join('\n');
  });
  const failing = rpcs.filter(({ rpc }) => findings.some((finding) => finding.rpc === rpc)).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${rpcs.length}" failures="${failing}">`,
    `  <testsuite name="kit fuzz, seed ${seed}" tests="${rpcs.length}" failures="${failing}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function formatFailure(finding: FuzzFinding): string {
  const message = escapeXml(`${finding.kind}: ${finding.detail}`);
  return `      <failure type="${escapeXml(finding.kind)}" message="${message}">${escapeXml(formatFinding(finding))}</failure>`;
}

// XML cannot contain control characters, not even escaped.
function escapeXml(text: string): string {
  return [...text]
    .map((character) => (/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(character) ? '\ufffd' : character))
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;');
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

// An edited copy of the contracts in a temporary folder, checked by a gate of `make breaking`.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUF = join(ROOT, 'node_modules/.bin/buf');

export const ORDER = 'shop/order/v1/order.proto';
export const INVENTORY_SERVICE = 'shop/inventory/v1/inventory_service.proto';
const NOTIFICATION_EVENTS = 'shop/notification/v1/notification_events.proto';

/** An edit of a file under proto/: replaces the single occurrence of `before` by `after`; without them, removes the file. */
export type Edit = readonly [file: string, before: string, after: string] | readonly [file: string];

/** The edits that move a file to another package than its folder's. */
export const OTHER_PACKAGE: readonly Edit[] = [
  [NOTIFICATION_EVENTS, 'package shop.notification.v1;', 'package shop.mail.v1;'],
  [NOTIFICATION_EVENTS, '  NotificationType type =', '  shop.notification.v1.NotificationType type ='],
];

/** Compares the edited contract with the released one. Returns the broken rules, without duplicates. */
export function breakingRulesAfter(...edits: readonly Edit[]): Promise<string[]> {
  return rulesAfter(edits, ['breaking', 'proto', '--against', 'proto/released.binpb']);
}

/** Lints the edited contract. Returns the broken rules, without duplicates. */
export function lintRulesAfter(...edits: readonly Edit[]): Promise<string[]> {
  return rulesAfter(edits, ['lint']);
}

async function rulesAfter(edits: readonly Edit[], gate: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'touchstone-contract-'));
  try {
    await cp(join(ROOT, 'proto'), join(directory, 'proto'), { recursive: true });
    await cp(join(ROOT, 'third_party'), join(directory, 'third_party'), { recursive: true });
    await cp(join(ROOT, 'buf.yaml'), join(directory, 'buf.yaml'));
    for (const edit of edits) await apply(edit, join(directory, 'proto'));
    return await findRules(directory, gate);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function apply([file, before, after]: Edit, folder: string): Promise<void> {
  const path = join(folder, file);
  if (before === undefined || after === undefined) return await rm(path);
  const parts = (await readFile(path, 'utf8')).split(before);
  if (parts.length !== 2) throw new Error(`${file} contains ${parts.length - 1} times: ${before}`);
  await writeFile(path, parts.join(after));
}

async function findRules(directory: string, gate: readonly string[]): Promise<string[]> {
  const { code, output, errors } = await runBuf(directory, [...gate, '--error-format', 'json']);
  const rules = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  // A copy that does not compile is refused, but not by a rule of the gate.
  if (rules.includes('COMPILE') || (code === 0) !== (rules.length === 0))
    throw new Error(`buf ${gate[0]} ended with ${code}: ${output}${errors}`);
  return [...new Set(rules)].sort();
}

function runBuf(directory: string, args: string[]): Promise<{ code: unknown; output: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(BUF, args, { cwd: directory }, (error, output, errors) => {
      resolve({ code: error ? error.code : 0, output, errors });
    });
  });
}

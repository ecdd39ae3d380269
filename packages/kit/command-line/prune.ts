// The command `kit prune`: it runs all contract tests of a consumer, and removes the interactions that none of them recorded.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { InteractionJson } from '../contract-file/contract-document.ts';
import { ContractStore, type LoadedContract, loadContracts } from '../contract-file/contract-store.ts';
import { identityOf } from '../contract-file/interaction-json.ts';
import { RECORDED_RUN, readRecordedRun } from '../contract-file/recorded-run.ts';
import { OptionError, readOption } from './common/option-error.ts';
import type { Session } from './common/session.ts';

type PruneOptions = {
  readonly run: string;
  readonly dryRun?: boolean;
};

const HELP_FOOTER = `
The command of --run has to run every contract test of the consumer: what a skipped test would record is removed too. Nothing is removed
when it fails, and contracts in which it recorded nothing are left as they are, with a warning. With --dry-run, exit code 1 means that there is
something to remove.

Example:
  $ kit prune contracts --run 'npx vitest run test/contract'
  removed from contracts/Reader-Library.json: a question for a book`;

export function addPruneCommand(program: Command, session: Session): void {
  program
    .command('prune')
    .summary('remove interactions that no test records any more')
    .description(
      'Runs the contract tests of a consumer, and removes the interactions from its contract files that no test recorded: those of ' +
        'tests that were deleted or renamed.',
    )
    .argument('<file...>', 'contract files, or folders of them')
    .requiredOption('--run <command>', 'the command that runs all contract tests, given to the shell')
    .option('--dry-run', 'list the interactions, and leave the files as they are')
    .addHelpText('after', HELP_FOOTER)
    .action((files: string[], options: PruneOptions) => runPrune(files, options, session));
}

async function runPrune(files: readonly string[], options: PruneOptions, session: Session): Promise<void> {
  await readOption('file', () => loadContracts(files));
  const recorded = await recordRun(options.run, session);
  // Read again: the run may have written new files.
  for (const contract of await loadContracts(files)) {
    const keys = recorded.get(resolve(contract.file));
    if (keys === undefined) {
      session.warn(`${contract.file}: the run recorded nothing in it, so it is left as it is`);
      continue;
    }
    await pruneContract(contract, keys, options.dryRun ?? false, session);
  }
}

async function recordRun(command: string, session: Session): Promise<Map<string, Set<string>>> {
  const directory = await mkdtemp(join(tmpdir(), 'kit-prune-'));
  try {
    const env = { ...session.environment, [RECORDED_RUN]: directory };
    // Its output goes to standard error: standard output has the results of this command.
    const child = spawn(command, { shell: true, env, stdio: ['ignore', 2, 2] });
    void session.awaitStop().then(() => child.kill());
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (code !== 0) throw new OptionError(`--run: the command ended with ${signal ?? code}, so nothing is removed`);
    return readRecordedRun(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function pruneContract(
  { file, document }: LoadedContract,
  recorded: ReadonlySet<string>,
  isDry: boolean,
  session: Session,
): Promise<void> {
  const isKept = (json: InteractionJson) => recorded.has(identityOf(json));
  const store = new ContractStore(dirname(file), document.consumer.name, document.provider.name);
  const gone = isDry ? document.interactions.filter((json) => !isKept(json)) : await store.prune(isKept);
  for (const { description } of gone) {
    const what = isDry ? 'no test records' : 'removed from';
    session.print(`${what} ${file}: ${description}`, { file, description, removed: !isDry });
  }
  if (isDry && gone.length > 0) session.fail();
}

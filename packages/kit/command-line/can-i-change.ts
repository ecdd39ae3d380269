// The command `kit can-i-change`: which consumers a breaking change of a contract affects.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readBreakingFindings } from '../usage/breaking-findings.ts';
import { canIChange, formatChangeReport } from '../usage/can-i-change.ts';
import { readUsage } from '../usage/usage-store.ts';
import { OptionError, readOption } from './common/option-error.ts';
import type { Session } from './common/session.ts';

type CanIChangeOptions = {
  readonly usage: string;
  readonly findings?: string;
};

const HELP_FOOTER = `
Exit code 1 means that a finding breaks, or may break, a consumer. buf itself ends with 100 if there are findings; with any other
code it could not compare, and its output is not useful here. It prints nothing then, as it does without findings, so an empty
standard input is refused: write the findings to a file, and check the exit code of buf.

Example:
  $ buf breaking --error-format=json --against .git#branch=main > findings.json || [ $? = 100 ]
  $ kit can-i-change --usage test/contract/usage --findings findings.json`;

export function addCanIChangeCommand(program: Command, session: Session): void {
  program
    .command('can-i-change')
    .summary('report which consumers a changed contract breaks')
    .description(
      'Joins the findings of `buf breaking --error-format=json` with the recorded usage of consumers. Reports for each finding ' +
        'the consumers and tests that it breaks, or that no consumer uses the element.',
    )
    .requiredOption('--usage <directory>', 'the folder of usage files')
    .option('--findings <file>', 'the findings (default: standard input, unless it is empty)')
    .addHelpText('after', HELP_FOOTER)
    .action((options: CanIChangeOptions) => runCanIChange(options, session));
}

async function runCanIChange(options: CanIChangeOptions, session: Session): Promise<void> {
  const usage = await readOption('--usage', () => readUsage(options.usage));
  const text = await readFindings(options.findings, session);
  const findings = await readOption(options.findings === undefined ? 'standard input' : '--findings', () =>
    readBreakingFindings(text),
  );
  const report = canIChange(findings, usage);
  session.print(formatChangeReport(report), report);
  if (report.isBreaking) session.fail();
}

async function readFindings(file: string | undefined, session: Session): Promise<string> {
  if (file !== undefined) return await readOption('--findings', () => readFile(file, 'utf8'));
  if (session.hasInput) {
    const text = await session.readInput();
    if (text.trim() !== '') return text;
    throw new OptionError(
      'standard input is empty: buf found nothing, or it failed. Write its findings to a file, check its exit code, and name the ' +
        'file with --findings',
    );
  }
  throw new OptionError('--findings is required unless the findings are on standard input');
}

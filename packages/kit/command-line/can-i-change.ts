// `kit can-i-change`: whom the findings of `buf breaking` break.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readBreakingFindings } from '../usage/breaking-findings.ts';
import { canIChange, formatChangeReport } from '../usage/can-i-change.ts';
import { readUsage } from '../usage/usage-store.ts';
import { OptionFault, readOption } from './option-fault.ts';
import type { Session } from './session.ts';

interface CanIChangeOptions {
  readonly usage: string;
  readonly findings?: string;
}

const example = `
buf ends with 100 when there are findings, and with another code and no findings when it could not compare: then there is
nothing to ask here. Ends with exit code 1 when a finding breaks somebody, or may.

Example:
  $ buf breaking --error-format=json --against .git#branch=main > findings.json || [ $? = 100 ]
  $ kit can-i-change --usage test/contract/usage --findings findings.json`;

export function addCanIChangeCommand(program: Command, session: Session): void {
  program
    .command('can-i-change')
    .summary('tell whom a changed contract breaks')
    .description(
      'Joins the findings of `buf breaking --error-format=json` with what consumers use: tells for each whom it breaks, by ' +
        'consumer and test, or that nobody uses it.',
    )
    .requiredOption('--usage <directory>', 'the folder of usage files')
    .option('--findings <file>', 'the findings; without it they come on standard input')
    .addHelpText('after', example)
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
  if (report.isBreaking) session.findFault();
}

function readFindings(file: string | undefined, session: Session): Promise<string> {
  if (file !== undefined) return readOption('--findings', () => readFile(file, 'utf8'));
  if (session.hasInput) return session.readInput();
  throw new OptionFault('--findings: is needed, or the findings on standard input');
}

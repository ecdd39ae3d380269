// The command `kit usage`: the recorded usage of each consumer.

import type { Command } from 'commander';
import { formatUsage } from '../usage/format-usage.ts';
import { readUsage } from '../usage/usage-store.ts';
import { readOption } from './common/option-error.ts';
import type { Session } from './common/session.ts';

const HELP_FOOTER = `
Example:
  $ kit usage test/contract/usage
  used                                Reader
  library.v1.Book.title               reads (3)
  library.v1.LibraryService/GetBook   calls (4)`;

export function addUsageCommand(program: Command, session: Session): void {
  program
    .command('usage')
    .summary('print what each consumer uses')
    .description(
      'Prints the methods, fields and enum values that the tests of each consumer use, and in how many tests.',
    )
    .argument('<directory>', 'the folder of usage files that recordUsage wrote')
    .addHelpText('after', HELP_FOOTER)
    .action(async (directory: string) => {
      const usage = await readOption('directory', () => readUsage(directory));
      session.print(formatUsage(usage), usage);
    });
}

// The command `kit can-i-deploy`: whether a version fits what is in an environment, read from git.

import type { Command } from 'commander';
import { type CanIDeployOptions, canIDeploy } from '../deployment/can-i-deploy.ts';
import { formatDeployReport } from '../deployment/deploy-report.ts';
import { OptionError } from './common/option-error.ts';
import { collect } from './common/options.ts';
import type { Session } from './common/session.ts';

type CanIDeployFlags = Omit<CanIDeployOptions, 'repositories' | 'version'> & {
  // `--version` is that of the program.
  readonly ref: string;
  readonly repository?: readonly (readonly [string, string])[];
};

const HELP_FOOTER = `
Git is all it needs: what is in an environment has a tag, and contracts, results and descriptors are read at the tags. --to is a pattern of tags;
{participant} stands for the name of one, with hyphens for spaces, and of several tags the one with the highest version counts.

A contract counts as honoured by a version of its provider
  with --results      if that version has a result of \`kit verify --results\` for these very interactions
  with --descriptors  if its interactions fit the descriptors of that version
and with both, if both hold. Exit code 1 means that a consumer would break, or may, because nothing shows that it would not.

Example: each service is tagged when it is deployed. The contracts of this commit of Order were verified with what is in production.
  $ git tag prod/Inventory/v7 && git tag prod/Order/v41
  $ kit can-i-deploy --participant Order --ref HEAD --to 'prod/{participant}/*' --contracts contracts --results results
  consumer  version  provider   version            interactions
  Order     HEAD     Inventory  prod/Inventory/v7  3             ok`;

export function addCanIDeployCommand(program: Command, session: Session): void {
  program
    .command('can-i-deploy')
    .summary('report whom the deployment of a version would break')
    .description(
      'Compares the contracts of a version of a participant, as consumer and as provider, with the versions of the others that are in an ' +
        'environment, by tags of git.',
    )
    .requiredOption('--participant <name>', 'the consumer or provider that is to be deployed, by its name in contracts')
    .option('--ref <ref>', 'its version: a branch, tag or commit', 'HEAD')
    .requiredOption('--to <tags>', 'the tags of what is in the environment, such as prod/{participant}/*')
    .option('--contracts <folder>', 'the folder of contracts, relative to the repository folder', 'contracts')
    .option('--results <folder>', 'the folder of the results of `kit verify --results`')
    .option('--descriptors <file>', 'the descriptor set of a provider; {participant} stands for its name')
    .option(
      '--repository <name=folder>',
      'a folder in the repository of a participant; can be repeated (default: the current folder, for all)',
      collect(readRepository),
    )
    .addHelpText('after', HELP_FOOTER)
    .action((flags: CanIDeployFlags) => runCanIDeploy(flags, session));
}

async function runCanIDeploy({ repository = [], ref, ...options }: CanIDeployFlags, session: Session): Promise<void> {
  const report = await canIDeploy({ ...options, version: ref, repositories: Object.fromEntries(repository) });
  session.print(formatDeployReport(report), report);
  if (!report.isDeployable) session.fail();
}

function readRepository(text: string): readonly [string, string] {
  const [, name, folder] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name !== undefined && folder !== undefined) return [name, folder];
  throw new OptionError(`--repository: "${text}" must be a name and a folder, such as Inventory=../inventory`);
}

// The program `kit` without its process: it parses the arguments, runs one command, and maps errors to a line and an exit code.

import { Command, CommanderError } from 'commander';
import { addCanIChangeCommand } from './can-i-change.ts';
import { addCanIDeployCommand } from './can-i-deploy.ts';
import { oneLineOf } from './common/option-error.ts';
import { Session } from './common/session.ts';
import type { Terminal } from './common/terminal.ts';
import { addFaultsCommand } from './faults.ts';
import { addFuzzCommand } from './fuzz.ts';
import { addImportCommand } from './import.ts';
import { addInitCommand } from './init.ts';
import { addListenCommand } from './listen.ts';
import { addPromoteCommand } from './promote.ts';
import { addPruneCommand } from './prune.ts';
import { addPublishCommand } from './publish.ts';
import { addRecordCommand } from './record.ts';
import { addReplayCommand } from './replay.ts';
import { addStubCommand } from './stub.ts';
import { addUsageCommand } from './usage.ts';
import { addVerifyCommand } from './verify.ts';
import { addVerifyEventsCommand } from './verify-events.ts';
import { addVirtualCommand } from './virtual.ts';

const HELP_FOOTER = `
Commands that serve print one line when they are ready, and run until SIGINT or SIGTERM.

Exit codes:
  0  the command succeeded
  1  the command ran and found a problem: a contract is not honoured, a consumer would break, a recording is incomplete
  2  the command could not run: an option, a file or an address is not usable

Descriptors are a descriptor set (from buf build or protoc --include_imports), a folder of .proto files, or one .proto file.
The last two are compiled with buf, which has to be installed.`;

/** Runs a command. Returns the exit code, which the caller sets; the process itself is not touched. Never throws. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const session = new Session(terminal, args.includes('--json'));
  const program = createProgram(session, terminal);
  try {
    await program.parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const isWithoutCommand = error instanceof CommanderError && error.code === 'commander.help';
    session.printError(isWithoutCommand ? 'a command is required; `kit --help` lists them' : oneLineOf(error));
    return 2;
  }
}

function createProgram(session: Session, terminal: Terminal): Command {
  const program = new Command('kit')
    .description('Contracts, virtual services and faults for Connect and gRPC.')
    .version(terminal.version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .option('--json', 'print JSON, one object a line, errors included')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(text.trimEnd()),
      // runCommandLine prints every error itself.
      writeErr: () => undefined,
      getOutHelpWidth: () => 110,
    })
    .addHelpText('after', HELP_FOOTER)
    .exitOverride();
  for (const add of [
    addInitCommand,
    addStubCommand,
    addVirtualCommand,
    addRecordCommand,
    addReplayCommand,
    addPromoteCommand,
    addImportCommand,
    addVerifyCommand,
    addPruneCommand,
    addUsageCommand,
    addCanIChangeCommand,
    addCanIDeployCommand,
    addFaultsCommand,
    addFuzzCommand,
    addPublishCommand,
    addListenCommand,
    addVerifyEventsCommand,
  ])
    add(program, session);
  return program;
}

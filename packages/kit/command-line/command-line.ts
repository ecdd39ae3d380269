// All commands of `kit`: parses the arguments, runs one command, and maps what went wrong to a line and an exit code.

import { Command, CommanderError } from 'commander';
import { addCanIChangeCommand } from './can-i-change.ts';
import { addFaultsCommand } from './faults.ts';
import { oneLineOf } from './option-fault.ts';
import { addPromoteCommand } from './promote.ts';
import { addRecordCommand } from './record.ts';
import { addReplayCommand } from './replay.ts';
import { Session } from './session.ts';
import { addStubCommand } from './stub.ts';
import type { Terminal } from './terminal.ts';
import { addUsageCommand } from './usage.ts';
import { addVerifyCommand } from './verify.ts';
import { addVirtualCommand } from './virtual.ts';

const footer = `
Commands that serve print one line when they are ready, and serve until SIGINT or SIGTERM.

Exit codes:
  0  done, and all is well
  1  done, and something is wrong: a contract is not honoured, somebody would break, a call was missed
  2  not done: an option, a file or an address cannot be used

Descriptors are a descriptor set (of buf build or protoc --include_imports), a folder of .proto files or a single one.
The last two are compiled with buf, which has to be installed.`;

/** Nothing of the process itself is touched; the exit code is for the caller to set. Never throws. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const session = new Session(terminal, args.includes('--json'));
  const program = createProgram(session, terminal);
  try {
    await program.parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const isWithoutCommand = error instanceof CommanderError && error.code === 'commander.help';
    session.printError(isWithoutCommand ? 'no command is given; `kit --help` lists them' : oneLineOf(error));
    return 2;
  }
}

function createProgram(session: Session, terminal: Terminal): Command {
  const program = new Command('kit')
    .description('Contracts, virtual services and faults for Connect and gRPC.')
    .version(terminal.version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .option('--json', 'print JSON: one object a line, errors too')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(text.trimEnd()),
      // runCommandLine prints every error itself.
      writeErr: () => undefined,
      getOutHelpWidth: () => 110,
    })
    .addHelpText('after', footer)
    .exitOverride();
  for (const add of [
    addStubCommand,
    addVirtualCommand,
    addRecordCommand,
    addReplayCommand,
    addPromoteCommand,
    addVerifyCommand,
    addUsageCommand,
    addCanIChangeCommand,
    addFaultsCommand,
  ])
    add(program, session);
  return program;
}

// `make conformance`: runs Connect's conformance suite against rpc-server, and against rpc-server behind the fault proxy, which must let
// everything through unchanged.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { print, runCommand } from '../support/command.ts';
import { runProgram } from '../support/stack.ts';
import { findSuite } from './suite.ts';

const fileNamed = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const HELP = `Usage: make conformance [ONLY='Basic/**'] [ARGS='...']

Runs Connect's conformance suite (a Go program) against rpc-server, then against rpc-server behind the fault proxy.

  --only <pattern>   the tests to run, like 'Basic/**'; all by default
  --proxy-only       only behind the fault proxy
  --help             this text

Exit code 0 when every test passes, else 1.
`;

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      'proxy-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const { program, protos } = await findSuite();
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-conformance-'));
  try {
    const image = join(folder, 'suite.binpb');
    const built = await runProgram('buf', ['build', protos, '-o', image]);
    if (built.exitCode !== 0) throw new Error(`the protos of the suite cannot be built: ${built.stderr}`);
    let exitCode = 0;
    for (const flags of values['proxy-only'] ? [['--proxy']] : [[], ['--proxy']]) {
      print(`conformance: rpc-server${flags.length > 0 ? ' behind the fault proxy' : ''}`);
      const selection = values.only === undefined ? [] : ['--run', values.only];
      // One server at a time, so that a small machine starts it within the suite's time limit.
      const options = ['--mode', 'server', '--max-servers', '1', '--conf', fileNamed('features.yaml'), ...selection];
      const server = [process.execPath, fileNamed('server.ts'), image, ...flags];
      const suite = spawn(program, [...options, '--', ...server], { stdio: 'inherit' });
      const stop = (): boolean => suite.kill('SIGTERM');
      signal.addEventListener('abort', stop, { once: true });
      const [code] = (await once(suite, 'close')) as [number | null];
      signal.removeEventListener('abort', stop);
      signal.throwIfAborted();
      if (code !== 0) exitCode = 1;
    }
    return exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

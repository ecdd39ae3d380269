// `make bench-rpc`: measures the processor time of a unary call between services over the thin path and over Connect's, of the client and
// of the server (docs/decisions/0022-thin-unary-path.md). With `--check` a path that does not pay fails the command.
import { fileURLToPath } from 'node:url';
import { print, runCommand } from '../../support/command.ts';
import { startProgram } from '../kit/process.ts';
import { InvalidOption, parseOptions, readInteger } from '../options.ts';
import { type Comparison, compareClients, compareServers, type Effort } from './compare.ts';

const HELP = `Usage: make bench-rpc [ARGS='...']

  --check           fail unless Connect's path takes 1.3 times the processor time of the thin path, on either side
  --rounds <n>      how often each path is measured, in turns (default 20)
  --calls <n>       calls of a path per round (default 1000)
  --in-flight <n>   calls in flight at once (default 8)
`;

const LEAST_RATIO = 1.3;
const WRONG_USAGE = 2;

await runCommand(
  async (args, signal) => {
    const values = parseOptions(args, {
      check: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '20' },
      calls: { type: 'string', default: '1000' },
      'in-flight': { type: 'string', default: '8' },
      help: { type: 'boolean', default: false },
    });
    if (values.help) {
      print(HELP);
      return 0;
    }
    const effort = {
      rounds: readInteger('--rounds', values.rounds, 1, 10_000),
      calls: readInteger('--calls', values.calls, 1, 1_000_000),
      inFlight: readInteger('--in-flight', values['in-flight'], 1, 100),
    };
    const isCheaper = await measure(effort, signal);
    return values.check && !isCheaper ? 1 : 0;
  },
  (error) => (error instanceof InvalidOption ? WRONG_USAGE : 1),
);

async function measure(effort: Effort, signal: AbortSignal): Promise<boolean> {
  const script = fileURLToPath(new URL('server.ts', import.meta.url));
  await using server = await startProgram(process.execPath, [script], /^ready (.*)$/);
  const { rounds, calls, inFlight } = effort;
  print(`processor time of a call, the median of ${rounds} rounds of ${calls} calls, ${inFlight} in flight, in turns`);
  print(`${''.padEnd(10)}${['Connect', 'thin', 'ratio'].map((cell) => cell.padStart(10)).join('')}`);
  const client = await compareClients(server.found, effort);
  print(render('client', client));
  signal.throwIfAborted();
  const served = await compareServers(server.found, effort);
  print(render('server', served));
  return [client, served].every(({ ratio }) => ratio >= LEAST_RATIO);
}

function render(side: string, { connectUs, thinUs, ratio }: Comparison): string {
  const cells = [`${connectUs.toFixed(0)} us`, `${thinUs.toFixed(0)} us`, ratio.toFixed(2)];
  return `${side.padEnd(10)}${cells.map((cell) => cell.padStart(10)).join('')}`;
}

// `make bench-kit`: compares the testing kit with pact-js, WireMock and a TCP pipe. Every figure is a ratio of two values measured in
// turns, so that a busy machine slows both; printed is the median of the rounds. With `--check` a ratio outside its limit fails the
// command.
import { parseArgs } from 'node:util';
import { print, runCommand } from '../../support/command.ts';
import { compareContractTests } from './contract-tests.ts';
import { compareFaultProxy } from './fault-proxy.ts';
import { type Figure, isAsWanted, renderFigures } from './figures.ts';
import { compareStubServers } from './stub-servers.ts';

const help = `Usage: make bench-kit [ARGS='...']

  --check        end with an error when a ratio is not as wanted
  --rounds <n>   how often everything is measured, in turns (default 5)
  --seconds <n>  how long a server is under load in a round (default 2)
  --only <part>  measure one part: contract-tests, stub-servers or fault-proxy
`;

// The conditions of the measurement.
const conditions = `The kit runs as it is published, as JavaScript. Each program is a process of its own and writes to the folder of
temporary files. A contract test is one interaction, one call, and the file written when it ends. The consumer calls by
Node's own HTTP client with its usual agent: it finds its connection warm where the port is that of the test before. The
first test includes loading the library, and for the kit the code generated from the .proto, as TypeScript. Connect is not
loaded for such calls; a consumer that has a client of Connect loads it itself, whatever its tests are written with.
`;

const parts = {
  'contract-tests': compareContractTests,
  'stub-servers': compareStubServers,
  'fault-proxy': compareFaultProxy,
};

await runCommand(async (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  const effort = { rounds: readCount('rounds', values.rounds), seconds: readCount('seconds', values.seconds) };
  const chosen = Object.entries(parts).filter(([name]) => values.only === undefined || values.only === name);
  if (chosen.length === 0) throw new TypeError(`--only: "${values.only}" is none of ${Object.keys(parts).join(', ')}`);
  const figures: Figure[] = [];
  for (const [name, compare] of chosen) {
    process.stderr.write(`measuring ${name} ...\n`);
    figures.push(...(await compare(effort)));
  }
  print(`${renderFigures(figures)}\n${conditions}`);
  return values.check && !figures.every(isAsWanted) ? 1 : 0;
});

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new TypeError(`--${name} must be a whole number above 0, but is ${text}`);
  return count;
}

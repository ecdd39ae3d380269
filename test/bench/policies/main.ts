// `make bench-policies`: measures what the resilience policies of a call cost (deadline, bulkhead, breaker, retries, metrics) against
// healthy dependencies, and how many orders per second the platform accepts. With `--check` a cost above the limit fails the command.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { print, runCommand } from '../../support/command.ts';
import { startProgram } from '../kit/process.ts';
import { putUnderLoad } from '../overload/load.ts';
import { startLoadedPlatform } from '../overload/platform.ts';
import { type Cost, comparePolicies, type Effort } from './compare.ts';

const HELP = `Usage: make bench-policies [ARGS='...']

  --check        fail when the policies add 10 % or more to one of the calls
  --rounds <n>   how often each client is measured, in turns (default 200)
  --calls <n>    calls of a client per round (default 10)
`;

const MAX_COST = 0.1;
const CLIENTS = `  bare      Connect's own client, over the transport that the services use
  trace     the same with a span for each call and trace propagation: telemetry, no policy
  policies  the client of the services: also with deadline, bulkhead, breaker, retries and their metrics
each with what it adds to the previous one; limit for the policies: less than ${100 * MAX_COST} %`;
const WARM_UP_SECONDS = 5;
const LOAD_SECONDS = 8;
const CONCURRENT_ORDERS = 16;

await runCommand(async (args, signal) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '200' },
      calls: { type: 'string', default: '10' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const effort = { rounds: readCount('rounds', values.rounds), calls: readCount('calls', values.calls) };
  const isCheap = await measure(effort, signal);
  return values.check && !isCheap ? 1 : 0;
});

/** Measures and prints everything. Returns whether the cost of the policies is within the limit for every call. */
async function measure(effort: Effort, signal: AbortSignal): Promise<boolean> {
  const idle = await measureIdleDependency(effort);
  await using platform = await startLoadedPlatform({}, signal);
  const url = platform.stack.url('inventory');
  const reserve = await comparePolicies(url, 'reserveStock', effort);
  const check = await comparePolicies(url, 'checkAvailability', effort);
  signal.throwIfAborted();
  print(
    `a call, the median of ${effort.rounds} rounds of ${effort.calls} calls of each client in turns, all dependencies being well`,
  );
  print(CLIENTS);
  print(renderRow('', 'bare', 'trace', '', 'policies', ''));
  print(renderCost('ReserveStock', reserve));
  print(renderCost('CheckAvailability, a single read', check));
  print(renderCost('a dependency that does nothing', idle));
  const orders = await measureOrders(platform.stack.url('order'), signal);
  print(`CreateOrder, ${CONCURRENT_ORDERS} concurrent: ${orders.toFixed(0)} orders/s`);
  return [reserve, check, idle].every(isWithinLimit);
}

async function measureIdleDependency(effort: Effort): Promise<Cost> {
  const script = fileURLToPath(new URL('idle-dependency.ts', import.meta.url));
  await using dependency = await startProgram(process.execPath, [script], /^ready (.*)$/);
  return await comparePolicies(dependency.found, 'checkAvailability', effort);
}

/** Measures the orders per second of a closed load. */
async function measureOrders(url: string, signal: AbortSignal): Promise<number> {
  const load = { kind: 'closed', url, rate: CONCURRENT_ORDERS } as const;
  await putUnderLoad({ ...load, seconds: WARM_UP_SECONDS }, signal);
  const { acknowledged, seconds } = await putUnderLoad({ ...load, seconds: LOAD_SECONDS }, signal);
  return acknowledged.length / seconds;
}

function isWithinLimit({ policiesShare }: Cost): boolean {
  return policiesShare < MAX_COST;
}

function renderCost(what: string, cost: Cost): string {
  const time = (us: number): string => `${us.toFixed(0)} us`;
  const share = (added: number): string => `${added < 0 ? '' : '+'}${(100 * added).toFixed(1)} %`;
  const { bareUs, tracedUs, traceShare, policiesUs, policiesShare } = cost;
  const row = renderRow(what, time(bareUs), time(tracedUs), share(traceShare), time(policiesUs), share(policiesShare));
  return isWithinLimit(cost) ? row : `${row}  ABOVE THE LIMIT`;
}

function renderRow(what: string, ...cells: readonly string[]): string {
  return `  ${what.padEnd(32)}${cells.map((cell) => cell.padStart(10)).join('')}`;
}

function readCount(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`--${option}: ${text} is not an integer from 1 to 999999`);
}

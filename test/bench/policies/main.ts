// `make bench`: what the policies round a call cost (deadline, bulkhead, breaker, retries, metrics, trace), all dependencies being
// well, and how many orders a second the platform makes. With `--check` a cost that is not as wanted ends it with an error.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startProgram } from '../kit/process.ts';
import { putUnderLoad } from '../overload/load.ts';
import { startLoadedPlatform } from '../overload/platform.ts';
import { type Cost, comparePolicies, type Effort } from './compare.ts';

const HELP = `Usage: make bench [ARGS='...']

  --check        end with an error when the policies cost 10 % or more of a call
  --rounds <n>   how often a client with and one without policies are measured, in turns (default 30)
  --calls <n>    calls of a client in a round (default 60)
`;

const MOST_COST = 0.1;
const WARM_UP_SECONDS = 5;
const LOAD_SECONDS = 8;
const ORDERS_AT_ONCE = 16;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort(new Error('called off')));

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '30' },
    calls: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else {
  const effort = { rounds: readCount('rounds', values.rounds), calls: readCount('calls', values.calls) };
  const isAsWanted = await measure(effort);
  if (values.check && !isAsWanted) process.exitCode = 1;
}

/** Measures and prints everything; returns whether the cost is as wanted. */
async function measure(effort: Effort): Promise<boolean> {
  const idle = await measureIdleNeighbour(effort);
  await using platform = await startLoadedPlatform({}, stop.signal);
  const url = platform.stack.url('inventory');
  const reserve = await comparePolicies(url, 'reserveStock', effort);
  const check = await comparePolicies(url, 'checkAvailability', effort);
  stop.signal.throwIfAborted();
  const isAsWanted = reserve.share < MOST_COST;
  print(`the median call of ${effort.rounds} rounds of ${effort.calls} calls, with and without policies in turns:`);
  print(renderCost('ReserveStock', reserve, `wanted: below ${100 * MOST_COST} %${isAsWanted ? '' : ': NOT SO'}`));
  print(renderCost('CheckAvailability, a single read', check));
  print(renderCost('a neighbour that does nothing', idle));
  print(
    `  CreateOrder, ${ORDERS_AT_ONCE} at once: ${(await measureOrders(platform.stack.url('order'))).toFixed(0)} orders/s`,
  );
  return isAsWanted;
}

async function measureIdleNeighbour(effort: Effort): Promise<Cost> {
  const script = fileURLToPath(new URL('idle-neighbour.ts', import.meta.url));
  await using neighbour = await startProgram(process.execPath, [script], /^ready (.*)$/);
  return await comparePolicies(neighbour.found, 'checkAvailability', effort);
}

/** Orders a second when so many callers each wait for their answer. */
async function measureOrders(url: string): Promise<number> {
  const load = { kind: 'closed', url, rate: ORDERS_AT_ONCE } as const;
  await putUnderLoad({ ...load, seconds: WARM_UP_SECONDS }, stop.signal);
  const { told, seconds } = await putUnderLoad({ ...load, seconds: LOAD_SECONDS }, stop.signal);
  return told.length / seconds;
}

function renderCost(what: string, { guardedUs, bareUs, share }: Cost, note = ''): string {
  const times = `${guardedUs.toFixed(0)} us with, ${bareUs.toFixed(0)} us without`;
  return `  ${what.padEnd(32)}  ${times.padEnd(32)}  ${(100 * share).toFixed(1).padStart(5)} %   ${note}`.trimEnd();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readCount(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`--${option}: ${text} is not a whole number from 1 to 999999`);
}

// `make profile`: shows where a process of the platform spends its processor time under a load of orders. Ctrl-C stops it and removes
// everything it started.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import { print, runCommand } from '../../support/command.ts';
import { InvalidOption } from '../options.ts';
import { startPlatform } from '../orders/platform.ts';
import { putUnderLoad } from '../overload/load.ts';
import { listHottest, toCallTree } from './call-tree.ts';
import { renderFlameGraph } from './flame-graph.ts';
import { profileDuring } from './inspector.ts';
import { HELP, readProfileSettings } from './settings.ts';

const INVALID = 2;
const HOTTEST = 25;

await runCommand(main, (error) => (error instanceof InvalidOption ? INVALID : 1));

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readProfileSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const { service, callers, seconds, warmUpSeconds, environment, output } = settings;
  print('profile: starting the platform');
  await using platform = await startPlatform(REPOSITORY_ROOT, { environment, countsStatements: false }, signal);
  const pid = platform.pids[service];
  if (pid === undefined) throw new Error(`${service} is not running`);
  const load = (forSeconds: number) =>
    putUnderLoad(
      { kind: 'closed', url: platform.orderUrl, rate: callers, seconds: forSeconds, waitsWhenRefused: true },
      signal,
    );
  if (warmUpSeconds > 0) await load(warmUpSeconds);
  print(`profile: ${service} for ${seconds} s, ${callers} callers`);
  let orders = 0;
  const work = async (): Promise<void> => {
    orders = (await load(seconds)).acknowledged.length;
  };
  const profile = await profileDuring(pid, work, signal);

  const tree = toCallTree(profile);
  const perOrder = (ms: number): string => (ms / Math.max(orders, 1)).toFixed(3);
  const title = `${service}: ${tree.totalMs.toFixed(0)} ms of processor time, ${orders} orders, ${perOrder(tree.totalMs)} ms an order`;
  await mkdir(output, { recursive: true });
  await writeFile(join(output, `${service}.cpuprofile`), JSON.stringify(profile));
  await writeFile(join(output, `${service}-flame.svg`), renderFlameGraph(tree, title));
  print(`\n${title}\n`);
  print('ms an order  of it in');
  for (const { name, selfMs } of listHottest(tree, HOTTEST)) print(`${perOrder(selfMs).padStart(11)}  ${name}`);
  print(`\nprofile: written to ${relative(process.cwd(), output)}/${service}-flame.svg and ${service}.cpuprofile`);
  return 0;
}

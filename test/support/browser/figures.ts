// The program behind `make console-figures`: measures the console of the running platform, and prints each figure beside its target. It
// judges nothing: figures hold for one machine, and for what else runs on it.
import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { createClient } from '@connectrpc/connect';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { openCommandTransport } from '#local/identity/command-transport.ts';
import { readOperatorToken, showToken } from '#local/identity/operator-token.ts';
import { findChromium, NO_CHROMIUM, startBrowser } from './browser.ts';
import { measurePage, type PageFigures } from './page-figures.ts';

const LOADS = 7;
/** The map reads the most: every process twice a second, every service's metrics each second. */
const BUSIEST_VIEW = 'map';
const WATCHED_MS = 15_000;
const MEGABYTE = 1024 ** 2;

const executable = findChromium();
if (executable === undefined) throw new Error(NO_CHROMIUM);
const url = process.env.CONSOLE_URL ?? `http://127.0.0.1:${process.env.CONSOLE_PORT ?? 8080}`;
const transport = openCommandTransport(process.env, url, [showToken(await readOperatorToken(process.env))]);
const control = createClient(ControlService, transport);

await using browser = await startBrowser(executable);
const loads: PageFigures[] = [];
for (let load = 0; load < LOADS; load += 1) loads.push(await measurePage(browser, url));
const middle = (figure: keyof PageFigures) => loads.map((load) => load[figure]).sort((a, b) => a - b)[LOADS >> 1] ?? 0;
const memory = await measureMemory();

print('first paint', `${Math.round(middle('firstPaint'))} ms`, '');
print('first control enabled', `${Math.round(middle('controlEnabled'))} ms`, '');
print('first input handled', `${Math.round(middle('inputHandled'))} ms`, 'below 1000 ms');
print('files transferred', `${Math.round(middle('fileBytes') / 1_000)} kB`, 'below 300 kB');
print('data transferred by then', `${Math.round(middle('dataBytes') / 1_000)} kB`, '');
print('memory of the console', memory, 'below 90 MB');
const load = loadavg()[0]?.toFixed(1);
process.stdout.write(
  `\nTimes are medians of ${LOADS} loads without a cache. ${availableParallelism()} cores, load average ${load}.\n`,
);

function print(name: string, figure: string, target: string): void {
  process.stdout.write(`${name.padEnd(26)}${figure.padStart(10)}   ${target}\n`);
}

/** The proportional share of the console's process while a page shows the map; only Linux tells it. */
async function measureMemory(): Promise<string> {
  const { processes } = await control.listProcesses({});
  const pid = processes.find(({ name }) => name === 'console')?.pid;
  const { page } = await browser.open(`${url}/#/${BUSIEST_VIEW}`);
  await page.waitForTimeout(WATCHED_MS);
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kilobytes = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
  return kilobytes === undefined ? 'not known' : `${Math.round((Number(kilobytes) * 1_024) / MEGABYTE)} MB`;
}

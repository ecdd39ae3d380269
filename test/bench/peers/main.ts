// `make bench-peers`: places the same orders with a plain loop, Restate, DBOS and this platform, in turns. Writes JSON, Markdown and a plot.
// Ctrl-C stops it and removes everything it started.
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, relative } from 'node:path';
import { print, runCommand } from '../../support/command.ts';
import { InvalidOption } from '../options.ts';
import { readMachine } from '../orders/circumstances.ts';
import { renderPlot } from '../plot.ts';
import { PeerUnavailable, readPeerVersions } from './peer-packages.ts';
import { compareWithPeers, type PeerCircumstances, renderReport, summarise, toSeries } from './report.ts';
import { runPeers } from './run.ts';
import { HELP, readPeerSettings } from './settings.ts';
import { DBOS_CONNECTIONS } from './start-system.ts';

const INVALID = 2;

await runCommand(main, (error) => (error instanceof InvalidOption || error instanceof PeerUnavailable ? INVALID : 1));

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readPeerSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  if (process.platform !== 'linux') {
    throw new PeerUnavailable('bench-peers: needs Linux: it reads the processor time of processes from /proc');
  }
  const circumstances: PeerCircumstances = {
    ...(await readMachine()),
    loadBefore: loadavg()[0] ?? 0,
    versions: readPeerVersions(settings.engines),
    dbosConnections: DBOS_CONNECTIONS,
  };
  const runs = await runPeers(settings, (text) => print(`bench-peers: ${text}`), signal);
  const summaries = summarise(runs);
  const report = renderReport(runs, circumstances);
  await mkdir(settings.output, { recursive: true });
  const write = (name: string, text: string): Promise<void> => writeFile(join(settings.output, name), text);
  const result = { circumstances, runs, summaries, ratios: compareWithPeers(runs) };
  await write('peers.json', `${JSON.stringify(result, null, 2)}\n`);
  await write('peers.md', report);
  await write('peers.svg', renderPlot(toSeries(summaries)));
  print(`\n${report}`);
  print(`bench-peers: written to ${relative(process.cwd(), settings.output)}/peers.{json,md,svg}`);
  return runs.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

// `make bench`: measures what an order costs, alone or in turns with another checkout of this project. Writes JSON, Markdown and a plot.
// Ctrl-C stops it and removes everything it started.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { print, runCommand } from '../../support/command.ts';
import { InvalidOption } from '../options.ts';
import { renderPlot } from '../plot.ts';
import { runBench } from './bench.ts';
import { findMissing } from './checkout.ts';
import { readCircumstances } from './circumstances.ts';
import { renderReport, summarise, toSeries } from './report.ts';
import { HELP, readBenchSettings } from './settings.ts';

const INVALID = 2;

await runCommand(main, (error) => (error instanceof InvalidOption ? INVALID : 1));

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readBenchSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const missing = settings.baseline === undefined ? undefined : findMissing(settings.baseline);
  if (missing !== undefined) throw new InvalidOption(`--baseline: ${missing}`);
  const result = await runBench(settings, (text) => print(`bench: ${text}`), signal);
  const circumstances = await readCircumstances(settings);
  const summaries = summarise(result.runs);
  const report = renderReport(result, circumstances);
  await mkdir(settings.output, { recursive: true });
  const write = (name: string, text: string): Promise<void> => writeFile(join(settings.output, name), text);
  await write('orders.json', `${JSON.stringify({ circumstances, ...result, summaries }, null, 2)}\n`);
  await write('orders.md', report);
  await write('orders.svg', renderPlot(toSeries(summaries)));
  print(`\n${report}`);
  print(`bench: written to ${relative(process.cwd(), settings.output)}/orders.{json,md,svg}`);
  return result.runs.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

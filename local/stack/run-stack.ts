// `make run`, apart from the process it runs in: starts the stack, shows its table and its logs, stops it on a signal.

import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { Environment } from '../../services/platform/base/settings.ts';
import { scrubSecrets } from '../../services/platform/observability/log.ts';
import { services } from '../shared/topology.ts';
import { type LogStyle, renderJsonLine, renderLine } from './log-lines.ts';
import type { LogLine } from './process-definitions.ts';
import { type Stack, startStack } from './stack.ts';
import { renderCommands, renderTable } from './stack-table.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export type Output = {
  write(text: string): unknown;
  isTTY?: boolean;
};

export type RunOptions = {
  environment: Environment;
  stdout: Output;
  stderr: Output;
  /** Emits the signals by their names: the process. */
  signals: EventEmitter;
  /** Where `<service>/main.ts` is found. Default this repository's services. */
  servicesDir?: string;
};

/** Runs until a signal comes or the start fails. Resolves to the exit code: 0 after a signal. */
export async function runStack(options: RunOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error('called off'));
  for (const signal of STOP_SIGNALS) options.signals.once(signal, onSignal);
  const json = options.environment.LOG_FORMAT === 'json';
  // Whoever reads JSON from stdout gets nothing else there.
  const people = json ? options.stderr : options.stdout;
  const log = json ? logAsJson(options.stdout) : logForPeople(options);
  try {
    await using stack = await startStack({
      environment: options.environment,
      log,
      signal: stop.signal,
      ...(options.servicesDir === undefined ? {} : { servicesDir: options.servicesDir }),
    });
    people.write(describeStack(stack));
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
    log('stack', 'stopping: services first, then what they run on');
  } catch (error) {
    if (!stop.signal.aborted) {
      options.stderr.write(`${scrubSecrets(error instanceof Error ? error.message : String(error))}\n`);
      return 1;
    }
  }
  log('stack', 'stopped');
  return 0;
}

function describeStack(stack: Stack): string {
  const commands = stack.services.includes('order') ? `\n\n${renderCommands(stack.url('order'), randomUUID)}` : '';
  return `\n${renderTable(stack.rows())}${commands}\n\nCtrl-C stops everything.\n\n`;
}

function logForPeople({ stdout, environment }: RunOptions): LogLine {
  const style: LogStyle = {
    colour: stdout.isTTY === true && !environment.NO_COLOR,
    nameWidth: Math.max(...services.map(({ name }) => name.length)),
  };
  return (part, line) => {
    stdout.write(`${renderLine(part, line, style)}\n`);
  };
}

function logAsJson(stdout: Output): LogLine {
  return (part, line) => {
    stdout.write(`${renderJsonLine(part, line, new Date())}\n`);
  };
}

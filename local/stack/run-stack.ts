// The run of a local stack for `make run`: starts it, prints its table and its logs, stops it on a signal.

import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { Environment } from '../../services/platform/base/settings.ts';
import { scrubSecrets } from '../../services/platform/observability/log.ts';
import { everyService } from '../shared/topology.ts';
import { type LogStyle, renderJsonLine, renderLine } from './log-lines.ts';
import type { LogLine } from './process-definitions.ts';
import { type Stack, startStack } from './stack.ts';
import { renderCommands, renderConsole, renderTable } from './stack-table.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export type Output = {
  write(text: string): unknown;
  isTTY?: boolean;
};

export type RunOptions = {
  environment: Environment;
  stdout: Output;
  stderr: Output;
  /** Emits the signals by their names; `process` does. */
  signals: EventEmitter;
  /** As of a stack. */
  servicesDir?: string;
};

/** Runs until a signal arrives or the start fails. Resolves to the exit code: 0 after a signal. */
export async function runStack(options: RunOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error('stopped by a signal'));
  for (const signal of STOP_SIGNALS) options.signals.once(signal, onSignal);
  const json = options.environment.LOG_FORMAT === 'json';
  // With LOG_FORMAT=json, stdout carries JSON only.
  const readable = json ? options.stderr : options.stdout;
  const log = json ? logAsJson(options.stdout) : logReadable(options);
  try {
    await using stack = await startStack({
      environment: options.environment,
      services: everyService.map(({ name }) => name),
      log,
      signal: stop.signal,
      ...(options.servicesDir === undefined ? {} : { servicesDir: options.servicesDir }),
    });
    readable.write(describeStack(stack, options));
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
    log('stack', 'stopping the services, then the database, the broker, the provider and the mailbox');
  } catch (error) {
    if (!stop.signal.aborted) {
      options.stderr.write(`${scrubSecrets(error instanceof Error ? error.message : String(error))}\n`);
      return 1;
    }
  }
  log('stack', 'stopped');
  return 0;
}

function describeStack(stack: Stack, { environment }: RunOptions): string {
  const commands = stack.services.includes('order')
    ? `\n\n${renderCommands(stack.url('order'), randomUUID, stack.authorityFile())}`
    : '';
  const page = stack.services.includes('console') ? `\n${renderConsole(stack.url('console'))}\n` : '';
  return `${page}\n${renderTable(stack.rows())}${commands}\n\nPress Ctrl-C to stop the platform. Its data stays in ${environment.DATA_DIR || '.data'}/.\n\n`;
}

function logReadable({ stdout, environment }: RunOptions): LogLine {
  const style: LogStyle = {
    colour: stdout.isTTY === true && !environment.NO_COLOR,
    nameWidth: Math.max(...everyService.map(({ name }) => name.length)),
  };
  return (process, line) => {
    stdout.write(`${renderLine(process, line, style)}\n`);
  };
}

function logAsJson(stdout: Output): LogLine {
  return (process, line) => {
    stdout.write(`${renderJsonLine(process, line, new Date())}\n`);
  };
}

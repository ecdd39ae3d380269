// The process of one service: settings, signals and exit codes. Each service's main.ts is one call of it.

import { describeError } from '../base/errors.ts';
import { ConfigError, type Environment } from '../base/settings.ts';
import { createLog, type Logger } from '../observability/log.ts';
import { openLogOutput } from '../observability/log-output.ts';
import { startMetricExport } from '../observability/metric-export.ts';
import { createResource } from '../observability/otlp-export.ts';
import { startSpanExport } from '../observability/span-export.ts';
import { loadTelemetryConfig } from '../observability/telemetry-config.ts';
import { installTracer } from '../observability/tracing.ts';
import type { ProcessOptions, Service } from './service-runtime.ts';

const STOP_LIMIT_MS = 10_000;
const EXIT_FAILURE = 1;
const EXIT_BAD_SETTINGS = 78;

/** The part of Node's `process` that is used; only main.ts accesses the real one. */
export type ProcessHandle = {
  readonly env: Environment;
  readonly stderr: { write(text: string): unknown };
  on(event: string, listener: (argument: unknown) => void): unknown;
  exit(code: number): never;
};

/**
 * Starts a service and runs it until SIGTERM or SIGINT, then stops it within 10 s and exits 0. Bad settings exit 78 with one line for
 * each fault on stderr, those of telemetry only warn; an uncaught error is logged and exits 1.
 */
export async function runService<Config extends { readonly logLevel: string }>(
  process: ProcessHandle,
  name: string,
  loadConfig: (environment: Environment) => Config,
  createService: (config: Config, log: Logger, options: ProcessOptions) => Service,
): Promise<void> {
  const config = orExit(process, () => loadConfig(process.env));
  const exportConfig = loadTelemetryConfig(process.env);
  const log = createLog({ service: name, level: config.logLevel, destination: openLogOutput(process) });
  const fail = (message: string) => (error: unknown) => {
    log.fatal({ err: error }, message);
    process.exit(EXIT_FAILURE);
  };
  process.on('uncaughtException', fail('an uncaught error'));
  process.on('unhandledRejection', fail('an unhandled rejection'));

  for (const warning of exportConfig.warnings) log.warn(warning);
  const resource = createResource(name, exportConfig);
  const exports: { stop(): Promise<void> }[] = [];
  if (exportConfig.traces !== undefined) {
    const spans = await startSpanExport(exportConfig.traces, resource, log);
    installTracer(spans.tracer);
    exports.push(spans);
  }
  const service = orExit(process, () => createService(config, log, { processMetrics: true }));
  let stopping = false;
  const stop = async (signal: unknown): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(fail('could not stop in time'), STOP_LIMIT_MS).unref();
    await service.stop();
    await Promise.all(exports.map((running) => running.stop()));
    log.info('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, (argument) => {
      stop(argument).catch(fail('could not stop'));
    });
  }

  try {
    if (exportConfig.metrics !== undefined)
      exports.push(await startMetricExport(exportConfig.metrics, resource, service.readMetrics, log));
    await service.start();
  } catch (error) {
    if (!stopping) fail('could not start')(error);
  }
}

// Bad settings are found when they are parsed, or when the service is built: some are files.
function orExit<Made>(process: ProcessHandle, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${describeError(error)}\n`);
    return process.exit(EXIT_BAD_SETTINGS);
  }
}

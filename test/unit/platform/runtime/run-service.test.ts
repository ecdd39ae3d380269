import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, type Environment } from '#services/platform/base/settings.ts';
import { type ProcessHandle, runService } from '#services/platform/runtime/run-service.ts';
import type { Service } from '#services/platform/runtime/service-runtime.ts';

const BAD_SETTINGS = 78;

/** Stands for Node's process: keeps the exit codes, and lets a test send signals. */
function createFakeProcess(env: Environment = {}) {
  const listeners = new Map<string, (argument: unknown) => void>();
  const exits: number[] = [];
  const written: string[] = [];
  const handle: ProcessHandle = {
    env,
    stderr: { write: (text) => written.push(text) },
    on: (event, listener) => listeners.set(event, listener),
    exit: (code) => {
      exits.push(code);
      if (code === BAD_SETTINGS) throw new Error('the process has ended');
      return undefined as never;
    },
  };
  return {
    handle,
    exits,
    written,
    send: (event: string, argument: unknown = event) => listeners.get(event)?.(argument),
  };
}

function createFakeService(overrides: Partial<Service> = {}) {
  const start = vi.fn<Service['start']>(async () => ({ host: '127.0.0.1', port: 1, url: 'http://127.0.0.1:1' }));
  const stop = vi.fn<Service['stop']>(async () => undefined);
  const readMetrics = async () => [];
  return { name: 'order', start, stop, readMetrics, [Symbol.asyncDispose]: stop, ...overrides };
}

const loadConfig = (environment: Environment) => ({ logLevel: environment.LOG_LEVEL ?? 'silent' });

/** Runs a service in a fake process. */
function run(service: Service = createFakeService()) {
  const process = createFakeProcess();
  const running = runService(process.handle, 'order', loadConfig, () => service);
  return { ...process, running };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('loads the settings from the environment, builds the service with them and starts it', async () => {
  const service = createFakeService();
  const { handle, exits } = createFakeProcess({ LOG_LEVEL: 'silent' });
  const createService = vi.fn(() => service);

  await runService(handle, 'order', loadConfig, createService);

  expect(createService).toHaveBeenCalledWith({ logLevel: 'silent' }, expect.objectContaining({ level: 'silent' }), {
    processMetrics: true,
  });
  expect(service.start).toHaveBeenCalledOnce();
  expect(exits).toEqual([]);
});

describe('bad settings', () => {
  it('are reported on stderr, exit 78 and build nothing', async () => {
    const { handle, exits, written } = createFakeProcess();
    const createService = vi.fn(() => createFakeService());
    const refuse = () => {
      throw new ConfigError('cannot start, these settings are wrong:\n  ORDER_PORT must be set');
    };

    await expect(runService(handle, 'order', refuse, createService)).rejects.toThrow('the process has ended');

    expect(exits).toEqual([BAD_SETTINGS]);
    expect(written).toEqual(['cannot start, these settings are wrong:\n  ORDER_PORT must be set\n']);
    expect(createService).not.toHaveBeenCalled();
  });

  it('of telemetry do not stop the service', async () => {
    const { handle, exits } = createFakeProcess({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_EXPORTER: 'otlp,console',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
    });
    const service = createFakeService();

    await runService(handle, 'order', loadConfig, () => service);

    expect(service.start).toHaveBeenCalledOnce();
    expect(exits).toEqual([]);
  });

  it('are not what a mistake in reading them is', async () => {
    const { handle, exits } = createFakeProcess();
    const fail = () => {
      throw new TypeError('a mistake');
    };

    await expect(runService(handle, 'order', fail, () => createFakeService())).rejects.toThrow('a mistake');

    expect(exits).toEqual([]);
  });
});

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s stops the service and exits 0 when that is done', async (signal) => {
    const stopped = Promise.withResolvers<void>();
    const service = createFakeService({ stop: vi.fn(() => stopped.promise) });
    const { send, exits, running } = run(service);
    await running;

    send(signal);
    await vi.advanceTimersByTimeAsync(0);
    expect(service.stop).toHaveBeenCalledOnce();
    expect(exits).toEqual([]);
    stopped.resolve();
    await vi.advanceTimersByTimeAsync(0);

    expect(exits).toEqual([0]);
  });

  it('that comes twice stops once', async () => {
    const service = createFakeService();
    const { send, exits, running } = run(service);
    await running;

    send('SIGTERM');
    send('SIGINT');
    send('SIGTERM');
    await vi.advanceTimersByTimeAsync(0);

    expect(service.stop).toHaveBeenCalledOnce();
    expect(exits).toEqual([0]);
  });

  it('exits 1 when the stop takes longer than ten seconds', async () => {
    const { send, exits, running } = run(createFakeService({ stop: () => new Promise(() => undefined) }));
    await running;

    send('SIGTERM');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);

    expect(exits).toEqual([1]);
  });

  it('exits 1 when the stop fails', async () => {
    const { send, exits, running } = run(createFakeService({ stop: () => Promise.reject(new Error('stuck')) }));
    await running;

    send('SIGTERM');
    await vi.advanceTimersByTimeAsync(0);

    expect(exits).toEqual([1]);
  });

  it('during a start ends both: the start that is cut short is no failure', async () => {
    const start = Promise.withResolvers<never>();
    const service = createFakeService({
      start: () => start.promise,
      stop: async () => start.reject(new Error('order was stopped while it started')),
    });
    const { send, exits, running } = run(service);

    send('SIGTERM');
    await vi.advanceTimersByTimeAsync(0);
    await running;

    expect(exits).toEqual([0]);
  });
});

it('exits 1 when the start fails', async () => {
  const { exits, running } = run(createFakeService({ start: () => Promise.reject(new Error('port taken')) }));

  await running;

  expect(exits).toEqual([1]);
});

it.each(['uncaughtException', 'unhandledRejection'])('exits 1 at an %s', async (event) => {
  const { send, exits, running } = run();
  await running;

  send(event, new Error('uncaught'));

  expect(exits).toEqual([1]);
});

it('listens for signals and errors before the service is built, so that none is missed', async () => {
  const { handle, send, exits } = createFakeProcess();
  const createService = () => {
    send('uncaughtException', new Error('early'));
    return createFakeService();
  };

  await runService(handle, 'order', loadConfig, createService);

  expect(exits).toEqual([1]);
});

// Takes a processor profile of another Node process on this machine, through the inspector that SIGUSR1 opens in it.
import { once } from 'node:events';
import { pause } from '../../../services/platform/base/backoff.ts';

/** The port of the inspector that SIGUSR1 opens. */
const INSPECTOR = 'http://127.0.0.1:9229';
const OPEN_LIMIT_MS = 5_000;
const TRY_AGAIN_MS = 50;

/** One function at one place of the call tree, as V8 reports it. */
export type ProfileNode = {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
};

/** The format of `.cpuprofile`; times in microseconds. */
export type CpuProfile = {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
};

/**
 * Profiles a process while `work` runs, and closes its inspector again.
 *
 * @throws {Error} another process has the inspector's port, or the process opens none within 5 s.
 */
export async function profileDuring(
  pid: number,
  work: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<CpuProfile> {
  if (await isOpen()) throw new Error(`${INSPECTOR} is taken: another process is being debugged`);
  process.kill(pid, 'SIGUSR1');
  const session = await openSession(await findDebugger(signal));
  try {
    await session.send('Profiler.enable');
    await session.send('Profiler.start');
    await work();
    const { profile } = await session.send<{ profile: CpuProfile }>('Profiler.stop');
    return profile;
  } finally {
    // Closed after this session has ended: closing waits for it.
    const expression = "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 100)";
    await session.send('Runtime.evaluate', { expression });
    session.close();
  }
}

async function isOpen(): Promise<boolean> {
  return await fetch(`${INSPECTOR}/json/version`).then(
    () => true,
    () => false,
  );
}

async function findDebugger(signal: AbortSignal): Promise<string> {
  const deadline = performance.now() + OPEN_LIMIT_MS;
  while (!(await isOpen())) {
    if (performance.now() > deadline) throw new Error('the process opened no inspector within 5 s');
    await pause(TRY_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
  const [target] = (await (await fetch(`${INSPECTOR}/json/list`)).json()) as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error('the inspector has no target');
  return target.webSocketDebuggerUrl;
}

type Session = {
  send<Result>(method: string, params?: object): Promise<Result>;
  close(): void;
};

type Answer = { readonly id: number; readonly result?: unknown; readonly error?: { readonly message: string } };

async function openSession(url: string): Promise<Session> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as Answer;
    const answer = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(`the inspector refuses: ${error.message}`));
  });
  socket.addEventListener('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the inspector hung up'));
  });
  await once(socket, 'open');
  return {
    send: <Result>(method: string, params: object = {}) => {
      const answer = Promise.withResolvers<unknown>();
      lastId += 1;
      waiting.set(lastId, answer);
      socket.send(JSON.stringify({ id: lastId, method, params }));
      return answer.promise as Promise<Result>;
    },
    close: () => socket.close(),
  };
}

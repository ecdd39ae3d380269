// A pool of vitest with one thread that is kept from mutant to mutant. A new thread for each would load Node's and vitest's modules
// again, which takes ten times as long as the tests. vitest evaluates every module of the repository again for each test file
// (`isolate`), so a mutant meets no state of an earlier one. After a test that hangs, vitest terminates the thread.
import { fileURLToPath } from 'node:url';
import { type PoolOptions, type PoolRunnerInitializer, ThreadsPoolWorker, type WorkerRequest } from 'vitest/node';

type Listener = (...given: unknown[]) => void;

/** The thread's garbage grows with every run. */
const MAX_RUNS = 200;

let kept: KeptThread | undefined;

class KeptThread extends ThreadsPoolWorker {
  protected override readonly entrypoint = fileURLToPath(new URL('kept-thread-worker.ts', import.meta.url));
  readonly #messageListeners = new Set<Listener>();
  #isStopping = false;
  #runs = 0;

  override on(event: string, callback: Listener): void {
    if (event === 'message') this.#messageListeners.add(callback);
    super.on(event, callback);
  }

  override off(event: string, callback: Listener): void {
    if (event === 'message') this.#messageListeners.delete(callback);
    super.off(event, callback);
  }

  override async start(): Promise<void> {
    this.#isStopping = false;
    this.#runs += 1;
    // The thread of an earlier run is running already.
    if (this.#runs === 1) await super.start();
  }

  override send(message: WorkerRequest): void {
    if (message.type !== 'stop' || this.#runs >= MAX_RUNS) {
      super.send(message);
      return;
    }
    this.#isStopping = true;
    const stopped = { __vitest_worker_response__: true, type: 'stopped' };
    for (const listener of [...this.#messageListeners]) listener(stopped);
  }

  override async stop(): Promise<void> {
    for (const listener of this.#messageListeners) super.off('message', listener);
    this.#messageListeners.clear();
    if (this.#isStopping) {
      kept = this;
      return;
    }
    await super.stop();
  }
}

export const KEPT_THREAD: PoolRunnerInitializer = {
  name: 'kept-thread',
  createPoolWorker: (options: PoolOptions) => {
    const worker = kept ?? new KeptThread(options);
    kept = undefined;
    return worker;
  },
};

/** Terminates the thread. */
export async function endKeptThread(): Promise<void> {
  await kept?.stop();
  kept = undefined;
}

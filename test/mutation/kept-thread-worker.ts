// The thread of kept-thread.ts: vitest's own worker, which several runs start.
import { parentPort } from 'node:worker_threads';
import { init, runBaseTests, setupEnvironment } from 'vitest/worker';

type Listener = (message: unknown) => void;

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const port = parentPort;
// The first listener is the worker's own; each start adds one for its calls, which replaces that of the start before.
const listeners: Listener[] = [];

init({
  post: (response) => port.postMessage(response),
  on: (listener: Listener) => {
    const outdated = listeners[1];
    if (outdated !== undefined) port.off('message', outdated);
    listeners[listeners.length === 0 ? 0 : 1] = listener;
    port.on('message', listener);
  },
  off: (listener: Listener) => port.off('message', listener),
  teardown: () => port.removeAllListeners('message'),
  runTests: (state, traces) => {
    // Holds the active mutant of the run before, which modules would meet while they load.
    Reflect.deleteProperty(globalThis, '__stryker__');
    return runBaseTests('run', state, traces);
  },
  collectTests: (state, traces) => runBaseTests('collect', state, traces),
  setup: setupEnvironment,
});

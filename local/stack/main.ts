// The program behind `make run`: the local stack in this terminal, until Ctrl-C.

import { endWithReader } from '../shared/output-reader.ts';
import { runStack } from './run-stack.ts';

// A second signal exits without waiting: the watchdog then stops the remaining processes.
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    signals += 1;
    if (signals > 1) process.exit(130);
  });
}
endWithReader();

process.exitCode = await runStack({
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signals: process,
});

// `make run`: the local stack in this terminal, until Ctrl-C.

import { runStack } from './run-stack.ts';

// The second signal is from somebody who does not want to wait: the watchdog then ends what is left.
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    signals += 1;
    if (signals > 1) process.exit(130);
  });
}
// Whoever read our output is gone (`make run | head`): there is nobody left to run for.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await runStack({
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signals: process,
});

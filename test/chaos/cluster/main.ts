// `make cluster-test`: three brokers, a primary and a standby, two replicas of each service; kills each in turn under load, then judges
// every invariant. Ends by itself; Ctrl-C ends it earlier. Either way it removes everything it started.
import { print, runCommand } from '../../support/command.ts';
import { runClusterTest } from './cluster-test.ts';
import { HELP, readClusterSettings } from './settings.ts';

await runCommand(async (args, signal) => {
  const settings = readClusterSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  return (await runClusterTest(settings, print, signal)) ? 0 : 1;
});

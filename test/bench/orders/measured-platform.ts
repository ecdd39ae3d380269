// The platform of a checkout as a system to be measured: placed orders are judged by the invariants of its own checkout.
import { importInvariants } from './checkout.ts';
import type { MeasuredSystem } from './measure.ts';
import type { Platform } from './platform.ts';

const QUIESCENCE_LIMIT_MS = 60_000;

export function toMeasuredSystem(platform: Platform): MeasuredSystem {
  const { orderUrl: url, pids, databaseUrls, superuserUrl, root } = platform;
  return {
    target: { url },
    pids,
    databaseUrls,
    superuserUrl,
    settle: async () => {
      const { waitForQuiescence } = await importInvariants(root);
      // Work that is left then violates the invariant `quiescent`.
      await waitForQuiescence(platform, { timeoutMs: QUIESCENCE_LIMIT_MS });
    },
    judge: async (acknowledged) => {
      const { collectFacts, judgeInvariants, listViolations } = await importInvariants(root);
      return listViolations(judgeInvariants(await collectFacts(platform, { acknowledged })));
    },
  };
}

// rpc RebuildSales: starts a rebuild of the sales projection, or returns the state of the one with this key.
import type { RebuildSalesRequest } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { scopedKey } from '../platform/identity/caller.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Call } from '../platform/server/call.ts';
import type { GenerationStore } from './generation-store.ts';
import { toRebuildMessage } from './sales-messages.ts';

export type RebuildSalesDependencies = {
  readonly generations: Pick<GenerationStore, 'begin'>;
  readonly wakeRebuilder: () => void;
  readonly log: Logger;
};

/**
 * Returns the rebuild of the key.
 * @throws {DomainError} REBUILD_RUNNING.
 */
export async function rebuildSales(
  { generations, wakeRebuilder, log }: RebuildSalesDependencies,
  { idempotencyKey }: RebuildSalesRequest,
  { caller }: Pick<Call, 'caller'>,
) {
  const { rebuild, isNew } = await generations.begin(scopedKey(caller, idempotencyKey));
  if (isNew) {
    log.info('rebuild of the sales started');
    wakeRebuilder();
  }
  return { rebuild: toRebuildMessage(rebuild) };
}

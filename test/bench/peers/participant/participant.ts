// The minimal participant: a Connect service whose every RPC is one commit in Postgres.
import { Code, ConnectError } from '@connectrpc/connect';
import type { Pool } from 'pg';
import { createRpcServer } from '../../../../packages/rpc-server/index.ts';
import { ParticipantService } from './contract.ts';
import { openEffectStore, type Step } from './store.ts';

const MAX_ID_LENGTH = 128;

export type Participant = AsyncDisposable & { readonly url: string };

/** Serves on a free loopback port. */
export async function startParticipant(pool: Pool): Promise<Participant> {
  const store = await openEffectStore(pool);
  const rpc =
    (step: Step) =>
    async ({ value: orderId }: { value: string }) => ({ value: await store.apply(checkId(orderId), step) });
  const server = createRpcServer({
    routes: (router) =>
      router.service(ParticipantService, {
        reserve: rpc('reserve'),
        charge: rpc('charge'),
        confirm: rpc('confirm'),
        notify: rpc('notify'),
      }),
  });
  const { url } = await server.listen();
  return { url, [Symbol.asyncDispose]: async () => void (await server.stop({ graceMs: 0 })) };
}

function checkId(orderId: string): string {
  if (orderId.length > 0 && orderId.length <= MAX_ID_LENGTH) return orderId;
  throw new ConnectError(
    `order id: has ${orderId.length} characters, must have 1 to ${MAX_ID_LENGTH}`,
    Code.InvalidArgument,
  );
}

import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createBalancedTransport } from '#services/platform/client/balanced-transport.ts';
import { toDependencyError } from '#services/platform/client/dependency-error.ts';
import { recordLog } from '../support/recorded-log.ts';

const ONE = 'http://one:1';
const TWO = 'http://two:2';

/** A transport whose calls all go to the first replica and end with `failure`. */
function createTransport(failure?: ConnectError) {
  const replicas = { current: [{ url: ONE }, { url: TWO }] };
  const choice = {
    choose: vi.fn(([first = '']: readonly string[]) => first),
    onAnswer: vi.fn(),
    onFailure: vi.fn(() => 1_000),
  };
  const send = async () => {
    if (failure !== undefined) throw failure;
    return {} as never;
  };
  const connections = { to: (): Transport => ({ unary: send, stream: send }), keepOnly: vi.fn() };
  const transport = createBalancedTransport({
    dependency: 'inventory',
    addresses: { current: async () => replicas.current },
    choice,
    connections,
    toError: (thrown, isCancelled) => toDependencyError('inventory', thrown, isCancelled, ['STORE_UNAVAILABLE']),
    log: recordLog().log,
  });
  const call = (signal?: AbortSignal) =>
    transport
      .unary(InventoryService.method.checkAvailability, signal, undefined, undefined, {})
      .catch((thrown: unknown) => thrown);
  return { call, choice, connections, replicas };
}

describe('a replica', () => {
  it('that answers is noted as one that does', async () => {
    const { call, choice } = createTransport();

    await call();

    expect(choice.onAnswer.mock.calls).toEqual([[ONE]]);
    expect(choice.onFailure).not.toHaveBeenCalled();
  });

  it.each([
    ['unreachable', Code.Unavailable],
    ['timeout', Code.DeadlineExceeded],
  ])('that fails as %s is noted as one that does', async (failure, code) => {
    const { call, choice } = createTransport(new ConnectError('away', code));

    await call();

    expect(choice.onFailure.mock.calls).toEqual([[ONE, failure]]);
    expect(choice.onAnswer).not.toHaveBeenCalled();
  });

  it('whose caller gave up has neither answered nor failed', async () => {
    const { call, choice } = createTransport(new ConnectError('gone', Code.Canceled));

    await call(AbortSignal.abort());

    expect(choice.onAnswer).not.toHaveBeenCalled();
    expect(choice.onFailure).not.toHaveBeenCalled();
  });

  it('that reports a failure of something behind it has answered', async () => {
    const details = [{ desc: ErrorInfoSchema, value: { reason: 'STORE_UNAVAILABLE' } }];
    const { call, choice } = createTransport(new ConnectError('away', Code.Unavailable, undefined, details));

    await call();

    expect(choice.onAnswer.mock.calls).toEqual([[ONE]]);
    expect(choice.onFailure).not.toHaveBeenCalled();
  });

  it('that is gone for good keeps no connection', async () => {
    const { call, connections, replicas } = createTransport();
    await call();

    replicas.current = [{ url: TWO }];
    await call();

    expect(connections.keepOnly.mock.calls).toEqual([[[{ url: ONE }, { url: TWO }]], [[{ url: TWO }]]]);
  });
});

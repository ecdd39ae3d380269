// A transport that gives each call to one of a dependency's replicas, and leaves out those that fail.
import type { Transport } from '@connectrpc/connect';
import type { Logger } from '../observability/log.ts';
import type { DependencyError } from './dependency-error.ts';
import type { ReplicaAddresses } from './replica-addresses.ts';
import type { ReplicaChoice } from './replica-choice.ts';
import type { ReplicaConnections } from './replica-connections.ts';

export type BalancedTransportOptions = {
  readonly dependency: string;
  readonly addresses: ReplicaAddresses;
  readonly choice: ReplicaChoice;
  readonly connections: Pick<ReplicaConnections, 'to' | 'keepOnly'>;
  /** Classifies what a call threw. */
  readonly toError: (thrown: unknown, isCancelled: boolean) => DependencyError;
  readonly log: Logger;
};

/** Creates the transport. A stream stays with the replica that began it. */
export function createBalancedTransport(options: BalancedTransportOptions): Transport {
  const { dependency, addresses, choice, connections, toError, log } = options;

  const call = async <T>(signal: AbortSignal | undefined, send: (transport: Transport) => Promise<T>): Promise<T> => {
    const replicas = await addresses.current();
    connections.keepOnly(replicas);
    const url = choice.choose(replicas.map((replica) => replica.url));
    const replica = replicas.find((candidate) => candidate.url === url) ?? { url };
    try {
      const answer = await send(connections.to(replica));
      choice.onAnswer(url);
      return answer;
    } catch (error) {
      judge(url, replicas.length, toError(error, signal?.aborted ?? false));
      throw error;
    }
  };

  const judge = (url: string, replicas: number, { failure, countsAs }: DependencyError): void => {
    // What the caller gave up, or the replica reports of something behind it, says nothing about the replica.
    if (failure === 'cancelled') return;
    if (countsAs === 'success' || (failure !== 'unreachable' && failure !== 'timeout')) {
      choice.onAnswer(url);
      return;
    }
    const ejectionMs = choice.onFailure(url, failure);
    if (ejectionMs > 0 && replicas > 1)
      log.warn(
        { dependency, replica: url, 'error.type': failure, ms: ejectionMs },
        'a replica is left out for a while',
      );
  };

  return {
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      call(signal, (transport) => transport.unary(method, signal, timeoutMs, header, input, contextValues)),
    stream: (method, signal, timeoutMs, header, input, contextValues) =>
      call(signal, (transport) => transport.stream(method, signal, timeoutMs, header, input, contextValues)),
  };
}

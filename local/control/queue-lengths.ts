// How many events wait for each consumer, as the broker counts them: a consumer that is frozen or down cannot say it itself.
import { connect, type NatsConnection } from 'nats';
import { DOMAIN, EVENT_FLOWS } from '../../services/domain.ts';
import { streamOf } from '../../services/platform/base/domain.ts';
import { describeError, unavailable } from '../../services/platform/base/errors.ts';
import { scrubSecrets } from '../../services/platform/observability/log.ts';
import { BROKER_TIMEOUT_MS, type BrokerAccess, connectionOptions } from './broker/broker-access.ts';

export type QueueLength = {
  readonly process: string;
  readonly stream: string;
  /** Events that were not applied yet, those that were delivered and not acknowledged included. */
  readonly waiting: number;
};

export type QueueLengths = AsyncDisposable & {
  /**
   * Concurrent calls share one reading.
   *
   * @throws {DomainError} `unavailable` while the broker cannot be read.
   */
  read(): Promise<QueueLength[]>;
};

const CONSUMERS = EVENT_FLOWS.flatMap(({ service, consumes }) =>
  consumes.map((producer) => ({ process: service, stream: streamOf(DOMAIN, producer) })),
);

/** Creates the reader; its connection is opened by the first reading and kept. */
export function createQueueLengths(access: () => Promise<BrokerAccess>): QueueLengths {
  let connection: NatsConnection | undefined;
  let reading: Promise<QueueLength[]> | undefined;

  const open = async (): Promise<NatsConnection> => {
    if (connection !== undefined && !connection.isClosed()) return connection;
    connection = await connect(connectionOptions(await access(), 'queue lengths'));
    return connection;
  };
  const close = async (): Promise<void> => {
    const closing = connection;
    connection = undefined;
    await closing?.close();
  };
  const read = async (): Promise<QueueLength[]> => {
    try {
      const manager = await (await open()).jetstreamManager({ timeout: BROKER_TIMEOUT_MS, checkAPI: false });
      return await Promise.all(
        CONSUMERS.map(async ({ process, stream }) => {
          const { num_pending: pending, num_ack_pending: delivered } = await manager.consumers.info(stream, process);
          return { process, stream, waiting: pending + delivered };
        }),
      );
    } catch (error) {
      // A broker that was frozen leaves a connection that looks open.
      await close();
      const reason = scrubSecrets(describeError(error));
      throw unavailable({ reason: 'BROKER_UNREADABLE', message: `the queues cannot be read: ${reason}`, cause: error });
    }
  };
  return {
    read: () => {
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return reading;
    },
    [Symbol.asyncDispose]: close,
  };
}

// An administrator of the broker for tests: deletes streams and consumers under a running service.
import { connect, type JetStreamClient, type JetStreamManager } from 'nats';
import type { TestNats } from '../../../support/nats.ts';

/** Deletes a stream with all that is in it. */
export async function deleteStream(nats: TestNats, stream: string): Promise<void> {
  await asAdmin(nats, (manager) => manager.streams.delete(stream));
}

/** Deletes a durable consumer with all that it knows. */
export async function deleteConsumer(nats: TestNats, stream: string, consumer: string): Promise<void> {
  await asAdmin(nats, (manager) => manager.consumers.delete(stream, consumer));
}

/** How many messages a consumer was given and has not answered, and how many it was not given yet. */
export async function readConsumer(nats: TestNats, stream: string, consumer: string) {
  const info = await asAdmin(nats, (manager) => manager.consumers.info(stream, consumer));
  return { unacknowledged: info.num_ack_pending, pending: info.num_pending };
}

async function asAdmin<T>(nats: TestNats, work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  await using admin = await openAdmin(nats);
  return await work(admin.manager);
}

export type Admin = AsyncDisposable & { readonly jetstream: JetStreamClient; readonly manager: JetStreamManager };

/** Connects the user without restrictions. */
export async function openAdmin(nats: TestNats): Promise<Admin> {
  const { host, username, password } = new URL(nats.adminUrl);
  const connection = await connect({ servers: host, user: username, pass: decodeURIComponent(password) });
  return {
    jetstream: connection.jetstream(),
    manager: await connection.jetstreamManager(),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

// Streams for a test.
import { connect } from 'nats';

export type Streams = AsyncDisposable & {
  add(name: string, subject: string): Promise<void>;
};

/** Connects as the user who may add streams. */
export async function jetstreamManager(url: string): Promise<Streams> {
  const { host, username: user, password: pass } = new URL(url);
  const connection = await connect({ servers: host, user, pass });
  const manager = await connection.jetstreamManager();
  return {
    add: async (name, subject) => void (await manager.streams.add({ name, subjects: [subject] })),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

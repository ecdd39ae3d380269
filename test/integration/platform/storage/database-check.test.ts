// What a replica demands of its database server at start, with a real server and a real PgBouncer.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createDatabase } from '#services/platform/storage/database.ts';
import { checkDatabase, declareConnections } from '#services/platform/storage/database-check.ts';
import { noPgbouncer, startPgbouncer } from '../../../support/cluster/pgbouncer.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { createTinyService, startTinyService } from '../runtime/tiny-service.ts';
import { ask, createNoteDatabase, openDatabase, readNotes } from '../support/open-database.ts';
import { recordLog } from '../support/recorded-log.ts';

const NOWHERE = 'nats://127.0.0.1:1';

/** A replica's declaration of its connections, and the check that it makes. */
function openReplica(url: string, connections: number) {
  const { log } = recordLog('inventory');
  const applicationName = declareConnections('inventory', connections);
  const declared = createDatabase({ url, size: 1, timeoutMs: 5_000, applicationName, log });
  return {
    check: () => checkDatabase({ url, declared, connections, pooled: false, patienceMs: 0 }),
    [Symbol.asyncDispose]: declared.close,
  };
}

/** A role of this test alone, which may have so many connections. */
async function createLimitedRole({ superuserUrl, databaseUrl, name }: TestDatabase, connections: number) {
  const role = `limited_${randomBytes(6).toString('hex')}`;
  await ask(superuserUrl, `create role ${role} login password 'limited' connection limit ${connections}`);
  await ask(superuserUrl, `grant connect on database ${name} to ${role}`);
  const url = new URL(databaseUrl);
  url.username = role;
  url.password = 'limited';
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await ask(superuserUrl, `revoke connect on database ${name} from ${role}`);
      await ask(superuserUrl, `drop role ${role}`);
    },
  };
}

describe('the connections of a replica', () => {
  it('stop its start when the server has fewer, with what it has and what is needed', async () => {
    await using test = await createNoteDatabase('inventory');
    const config = { databaseConnections: 5_000 };
    const { service } = createTinyService({
      name: 'inventory',
      databaseUrl: test.databaseUrl,
      natsUrl: NOWHERE,
      config,
    });

    await expect(service.start()).rejects.toThrow(
      /^the database server allows 237 connections, and \d{4} are needed: 5000 by this replica and \d+ by others\. Raise its max_connections, or lower DATABASE_CONNECTIONS$/,
    );
  });

  it('are counted with those that other replicas of the role may open, whether they have opened them or not', async () => {
    await using test = await createNoteDatabase('inventory');
    await using role = await createLimitedRole(test, 20);
    await using first = openReplica(role.url, 11);
    await using second = openReplica(role.url, 10);

    await first.check();

    await expect(second.check()).rejects.toThrow(
      'the database role is allowed 20 connections, and its replicas need 21: 10 of them this one. Raise its CONNECTION LIMIT',
    );
  });
});

describe('the limit of a role', () => {
  it('is not used up by the replicas of other roles', async () => {
    await using test = await createNoteDatabase('inventory');
    await using role = await createLimitedRole(test, 20);
    await using other = openReplica(test.databaseUrl, 15);
    await using own = openReplica(role.url, 10);

    await other.check();

    await expect(own.check()).resolves.toBeUndefined();
  });
});

describe('a PgBouncer in transaction mode', () => {
  it('is refused by a service that was not told of it', async ({ skip }) => {
    skip(noPgbouncer !== undefined, noPgbouncer);
    await using test = await createNoteDatabase('inventory');
    await using pooler = await startPgbouncer([test.databaseUrl], 4);
    const databaseUrl = pooler.through(test.databaseUrl);
    const config = { migrationDatabaseUrl: test.databaseUrl };
    const { service } = createTinyService({ name: 'inventory', databaseUrl, natsUrl: NOWHERE, config });

    await expect(service.start()).rejects.toThrow(
      'the database is behind a connection pooler: set DATABASE_POOLER to transaction',
    );
  });

  it('is refused for migrations, which lock in a session', async ({ skip }) => {
    skip(noPgbouncer !== undefined, noPgbouncer);
    await using test = await createNoteDatabase('inventory');
    await using pooler = await startPgbouncer([test.databaseUrl], 4);
    const databaseUrl = pooler.through(test.databaseUrl);
    const config = { databasePooled: true };
    const { service } = createTinyService({ name: 'inventory', databaseUrl, natsUrl: NOWHERE, config });

    await expect(service.start()).rejects.toThrow('migrations need a connection to the database server itself');
  });

  it('serves more clients than it has connections, whose statements with parameters are not prepared', async ({
    skip,
  }) => {
    skip(noPgbouncer !== undefined, noPgbouncer);
    await using test = await createNoteDatabase('inventory');
    await using pooler = await startPgbouncer([test.databaseUrl], 2);
    const config = { databasePooled: true, migrationDatabaseUrl: test.databaseUrl };
    await using _service = await startTinyService({
      name: 'inventory',
      databaseUrl: pooler.through(test.databaseUrl),
      natsUrl: NOWHERE,
      config,
    });
    await using database = openDatabase({ url: pooler.through(test.databaseUrl), size: 10, pooled: true });
    const orderIds = Array.from({ length: 40 }, (_, index) => `ord${String(index).padStart(2, '0')}`);

    await Promise.all(
      orderIds.map((orderId) =>
        database.transaction(async (transaction) => {
          await transaction.query('select $1::text as order_id', [orderId]);
          await transaction.query('insert into note (order_id) values ($1)', [orderId]);
        }),
      ),
    );

    expect(await readNotes(test)).toEqual(orderIds);
  });
});

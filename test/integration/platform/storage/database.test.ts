import { Client } from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { startGate, startSwitchboard } from '../support/gate.ts';
import { ask, countSessions, createNoteDatabase, openDatabase, readNotes } from '../support/open-database.ts';

const SOON = { timeout: 10_000, interval: 50 };

const outage = { name: 'DomainError', kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE', retryAfterMs: 1_000 };
const INSERT = 'insert into note (order_id) values ($1)';

/** Repeats a statement while it is slower than the short limit of its pool, as it is on a busy machine. */
const patiently = <T>(query: () => Promise<T>) => vi.waitFor(query, SOON);

describe('a transaction', () => {
  it('stores all of it when its work is done, then follows its hints', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl });
    const seen: Promise<string[]>[] = [];

    const result = await database.transaction(async (transaction) => {
      transaction.afterCommit(() => seen.push(readNotes(test)));
      await transaction.query(INSERT, ['ord1']);
      await transaction.query(INSERT, ['ord2']);
      expect(seen).toEqual([]);
      return 'done';
    });

    expect(result).toBe('done');
    expect(await Promise.all(seen)).toEqual([['ord1', 'ord2']]);
  });

  it('stores nothing when its work throws, follows no hint and hands the error on', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1 });
    const hint = vi.fn();
    const work = database.transaction(async (transaction) => {
      transaction.afterCommit(hint);
      await transaction.query(INSERT, ['ord1']);
      throw new Error('not enough stock');
    });

    await expect(work).rejects.toThrow('not enough stock');

    expect(await readNotes(test)).toEqual([]);
    expect(hint).not.toHaveBeenCalled();
    // The only connection is as good as new: it is in no transaction.
    await database.query(INSERT, ['ord2']);
    expect(await readNotes(test)).toEqual(['ord2']);
  });

  it('is done when it is committed, whatever becomes of its hints', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl });
    const second = vi.fn();

    await database.transaction(async (transaction) => {
      transaction.afterCommit(() => {
        throw new Error('no worker to wake');
      });
      transaction.afterCommit(second);
      await transaction.query(INSERT, ['ord1']);
    });

    expect(second).toHaveBeenCalledOnce();
    expect(database.lines).toMatchObject([{ level: 'error', err: { message: 'no worker to wake' } }]);
  });

  it('whose connection is killed half-way is an outage and stores nothing', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1 });
    const work = database.transaction(async (transaction) => {
      await transaction.query(INSERT, ['ord1']);
      const [session] = await transaction.query<{ pid: number }>('select pg_backend_pid() as pid');
      await ask(test.superuserUrl, 'select pg_terminate_backend($1, 5000)', [session?.pid]);
      await transaction.query(INSERT, ['ord2']);
    });

    await expect(work).rejects.toMatchObject(outage);

    await database.query(INSERT, ['ord3']);
    expect(await readNotes(test)).toEqual(['ord3']);
  });

  it('that deadlocks with another is an outage for one of them and well for the other', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl });
    await database.query("insert into note (order_id) values ('ord1'), ('ord2')");
    const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const lock = (first: string, second: string, mine: 0 | 1) =>
      database.transaction(async (transaction) => {
        await transaction.query('select from note where order_id = $1 for update', [first]);
        both[mine].resolve();
        await Promise.all(both.map(({ promise }) => promise));
        await transaction.query('select from note where order_id = $1 for update', [second]);
      });

    const outcomes = await Promise.allSettled([lock('ord1', 'ord2', 0), lock('ord2', 'ord1', 1)]);

    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: outage });
  });
});

describe('a limit', () => {
  it('of a statement makes it an outage in time, and its connection is not used again', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1, timeoutMs: 200 });
    const pid = () => patiently(() => database.query('select pg_backend_pid() as pid'));
    const before = await pid();
    const begin = performance.now();

    await expect(database.query('select pg_sleep(20)')).rejects.toMatchObject(outage);

    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(await pid()).not.toEqual(before);
    await expect.poll(() => countSessions(test), SOON).toBe(1);
  });

  it('of waiting for a connection makes it an outage in time, while those who have one go on', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1, timeoutMs: 1_000 });
    await patiently(() => database.query('select 1'));
    const gate = Promise.withResolvers<void>();
    const holding = database.transaction(async (transaction) => {
      await gate.promise;
      return transaction.query('select 1 as one');
    });

    await expect(database.query('select 2')).rejects.toMatchObject(outage);
    gate.resolve();

    expect(await holding).toEqual([{ one: 1 }]);
  });

  it('of waiting for a connection says nothing about the server: the next connection is to the same one', async () => {
    await using test = await createNoteDatabase();
    const [first] = test.databaseUrl.match(/[^@]*:\d+(?=\/)/) ?? [];
    await using switchboard = await startSwitchboard(Number(new URL(test.databaseUrl).port));
    const { host } = new URL(switchboard.through(test.databaseUrl));
    const url = test.databaseUrl.replace(`@${first}`, `@${first},${host}`);
    await using database = openDatabase({ url, size: 1, timeoutMs: 1_000 });
    const session = await patiently(() => database.query<{ pid: number }>('select pg_backend_pid() as pid'));
    const gate = Promise.withResolvers<void>();
    const holding = database.transaction(() => gate.promise);
    await expect(database.query('select 2')).rejects.toMatchObject(outage);
    gate.resolve();
    await holding;

    await ask(test.superuserUrl, 'select pg_terminate_backend($1, 5000)', [session[0]?.pid]);

    expect(await patiently(() => database.query('select 3 as three'))).toEqual([{ three: 3 }]);
    expect(switchboard.calls()).toBe(0);
  });

  it('of a transaction that does nothing is set for its session, so that a process that hangs holds no locks', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, timeoutMs: 3_000 });

    expect(await database.query('show idle_in_transaction_session_timeout')).toEqual([
      { idle_in_transaction_session_timeout: '30s' },
    ]);
  });
});

describe('an outage', () => {
  it('breaks what runs, refuses what comes, and is over when the database is back', async () => {
    await using test = await createNoteDatabase();
    await using gate = await startGate(test.databaseUrl);
    await using database = openDatabase({ url: gate.url });
    const running = database.query('select pg_sleep(4)');
    await expect.poll(() => countSessions(test, 'active'), SOON).toBe(1);

    gate.shut();

    await expect(running).rejects.toMatchObject(outage);
    await expect(database.query(INSERT, ['ord1'])).rejects.toMatchObject(outage);
    await expect(database.transaction((transaction) => transaction.query(INSERT, ['ord1']))).rejects.toMatchObject(
      outage,
    );
    gate.open();
    await database.query(INSERT, ['ord2']);
    expect(await readNotes(test)).toEqual(['ord2']);
  });

  it('in which nothing answers is reported within the limit', async () => {
    await using test = await createNoteDatabase();
    await using gate = await startGate(test.databaseUrl);
    await using database = openDatabase({ url: gate.url, timeoutMs: 200 });
    await patiently(() => database.query('select 1'));
    gate.silence();
    const begin = performance.now();

    await expect(database.query('select 1')).rejects.toMatchObject(outage);
    await expect(database.query('select 1')).rejects.toMatchObject(outage);

    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it('of an idle connection affects no call', async () => {
    await using test = await createNoteDatabase();
    await using gate = await startGate(test.databaseUrl);
    await using database = openDatabase({ url: gate.url });
    await database.query('select 1');

    gate.shut();
    gate.open();

    await vi.waitFor(
      () => expect(database.lines).toMatchObject([{ msg: 'an idle database connection was lost' }]),
      SOON,
    );
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });
});

it('hands a mistake in a statement on as it is, and keeps the connection', async () => {
  await using test = await createNoteDatabase();
  await using database = openDatabase({ url: test.databaseUrl, size: 1 });
  const pid = () => database.query('select pg_backend_pid() as pid');
  const before = await pid();

  await expect(database.query('select from nothing')).rejects.toMatchObject({ code: '42P01' });

  expect(await pid()).toEqual(before);
});

it('leaves no session behind when it is closed', async () => {
  await using test = await createNoteDatabase();
  const database = openDatabase({ url: test.databaseUrl });
  await database.warm(3);
  expect(await countSessions(test)).toBe(3);

  await database.close();

  await expect.poll(() => countSessions(test), SOON).toBe(0);
  await expect(database.query('select 1')).rejects.toMatchObject(outage);
});

describe('a pool', () => {
  it('opens connections beforehand, and keeps them', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 4 });

    await database.warm(3);

    expect(await countSessions(test)).toBe(3);
  });

  it('keeps no listener on a connection for the statements that it has run', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1 });
    const on = vi.spyOn(Client.prototype, 'on');
    await database.query('select 1');
    const [client] = on.mock.contexts as Client[];
    on.mockRestore();
    const before = client?.listenerCount('error');

    for (let statement = 0; statement < 3; statement += 1) await database.query('select 1');

    expect(before).toBeGreaterThan(0);
    expect(client?.listenerCount('error')).toBe(before);
  });

  it('with rejected credentials reports an outage, and never the password', async () => {
    await using test = await createNoteDatabase();
    const url = new URL(test.databaseUrl);
    url.password = 'a-wrong-password';
    await using database = openDatabase({ url: url.toString() });

    const refused = database.query('select 1');

    await expect(refused).rejects.toMatchObject(outage);
    await expect(refused).rejects.not.toThrow(/a-wrong-password/);
  });
});

describe('a statement that was prepared before a migration', () => {
  const READ = 'select * from note where order_id = $1';

  it('is prepared again on every connection when its result has another type', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 3 });
    const readOnAll = () => Promise.all(Array.from({ length: 6 }, () => database.query(READ, ['ord1'])));
    await database.query(INSERT, ['ord1']);
    await readOnAll();

    await ask(test.superuserUrl, 'alter table note add column colour text');

    for (const [row] of await readOnAll()) expect(row).toMatchObject({ order_id: 'ord1', colour: null });
  });

  it('makes its transaction run again, which is committed once, with its hints', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1 });
    const hint = vi.fn();
    const work = () =>
      database.transaction(async (transaction) => {
        transaction.afterCommit(hint);
        await transaction.query(INSERT, ['ord1']);
        // As a use case that maps every failure to its own error.
        const rows = await transaction.query(READ, ['ord1']).catch(() => Promise.reject(new Error('cannot be read')));
        return rows.length;
      });
    await database.query(READ, ['ord1']);

    await ask(test.superuserUrl, 'alter table note add column colour text');

    expect(await work()).toBe(1);
    expect(await readNotes(test)).toEqual(['ord1']);
    expect(hint).toHaveBeenCalledTimes(1);
  });

  it('is prepared again when the server no longer has it, as after a pooler has reset the connection', async () => {
    await using test = await createNoteDatabase();
    await using database = openDatabase({ url: test.databaseUrl, size: 1 });
    await database.query(INSERT, ['ord1']);
    await database.query(READ, ['ord1']);

    await database.query('deallocate all');

    expect(await database.query(READ, ['ord1'])).toHaveLength(1);
  });
});

it('a session plans without sequential scans, except behind a pooler, which keeps no settings of a session', async () => {
  await using test = await createNoteDatabase();
  await using database = openDatabase({ url: test.databaseUrl });
  await using pooled = openDatabase({ url: test.databaseUrl, pooled: true });

  expect(await database.query('show enable_seqscan')).toEqual([{ enable_seqscan: 'off' }]);
  expect(await pooled.query('show enable_seqscan')).toEqual([{ enable_seqscan: 'on' }]);
});

import { expect, it } from 'vitest';
import { createPruner, MESSAGING_RULES } from '#services/platform/storage/pruner.ts';
import { ask, createNoteDatabase, openDatabase } from '../support/open-database.ts';

const SOON = { timeout: 10_000, interval: 50 };

it('forgets what is past its window, more than a batch of it, and never what was not sent', async () => {
  await using test = await createNoteDatabase();
  await using database = openDatabase({ url: test.databaseUrl, timeoutMs: 5_000 });
  const store = (count: number, sentTime: string, subject: string) =>
    ask(
      test.databaseUrl,
      `insert into outbox (event_id, subject, payload, headers, create_time, sent_time)
         select gen_random_uuid(), $2, '', '{}', now() - interval '90 days', ${sentTime} from generate_series(1, $1)`,
      [count, subject],
    );
  await store(2_300, "now() - interval '25 hours'", 'old');
  await store(3, "now() - interval '23 hours'", 'recent');
  await store(3, 'null', 'unsent');
  await ask(
    test.databaseUrl,
    `insert into inbox select gen_random_uuid(), now() - days * interval '1 day' from unnest(array[34, 36]) as days`,
  );
  const subjects = async () => {
    const rows = await ask<{ subject: string }>(test.superuserUrl, 'select subject from outbox order by subject');
    return rows.map((row) => row.subject);
  };

  await using pruner = {
    ...createPruner(database, MESSAGING_RULES, database.log),
    [Symbol.asyncDispose]: () => pruner.stop(),
  };
  await pruner.start();

  await expect.poll(subjects, SOON).toEqual(['recent', 'recent', 'recent', 'unsent', 'unsent', 'unsent']);
  await expect.poll(() => ask(test.superuserUrl, 'select from inbox'), SOON).toHaveLength(1);
});

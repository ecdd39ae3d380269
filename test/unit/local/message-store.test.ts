import { expect, it } from 'vitest';
import { type MailMessage, openMessageStore } from '#local/mailbox/message-store.ts';

function message(id: number, changes: Partial<MailMessage> = {}): MailMessage {
  return {
    id: String(id),
    message_id: `<${id}@shop.example>`,
    from: 'shop@shop.example',
    to: ['cust123@customers.example'],
    subject: 'Your order',
    text: 'Thank you',
    received_time: '2030-01-01T00:00:00.000Z',
    ...changes,
  };
}

it('lists messages oldest first, duplicates included', async () => {
  await using store = await openMessageStore(undefined);
  await store.add(message(1));
  await store.add(message(2, { message_id: '<1@shop.example>' }));

  expect(store.list().map(({ id }) => id)).toEqual(['1', '2']);
});

it('finds the messages to one address in any letter case', async () => {
  await using store = await openMessageStore(undefined);
  await store.add(message(1));
  await store.add(message(2, { to: ['other@customers.example', 'third@customers.example'] }));

  expect(store.list('Third@Customers.example').map(({ id }) => id)).toEqual(['2']);
  expect(store.list('no-recipient@customers.example')).toEqual([]);
});

it('does not find the messages to a longer address', async () => {
  await using store = await openMessageStore(undefined);
  await store.add(message(1, { to: ['cust1@customers.example.org'] }));
  await store.add(message(2, { to: ['cust1@customers.example'] }));

  expect(store.list('cust1@customers.example').map(({ id }) => id)).toEqual(['2']);
});

it('keeps the newest messages up to its limit', async () => {
  await using store = await openMessageStore(undefined, { maxMessages: 3 });

  for (let id = 1; id <= 10; id += 1) {
    await store.add(message(id));
    const newest = [id - 2, id - 1, id].filter((kept) => kept > 0).map(String);
    expect(store.list().map((kept) => kept.id)).toEqual(newest);
  }
});

it('keeps the newest messages up to its size, and always the last one', async () => {
  const size = JSON.stringify(message(1)).length;
  await using store = await openMessageStore(undefined, { maxBytes: 2 * size });

  for (let id = 1; id <= 5; id += 1) await store.add(message(id));
  expect(store.list().map(({ id }) => id)).toEqual(['4', '5']);

  await store.add(message(6, { text: 'x'.repeat(3 * size) }));
  expect(store.list().map(({ id }) => id)).toEqual(['6']);
});

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTransport } from 'nodemailer';
import { describe, expect, it } from 'vitest';
import { type Mailbox, startMailbox } from '#local/mailbox/mailbox.ts';
import type { MailMessage } from '#local/mailbox/message-store.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { startProgram } from './programs.ts';

const sample = {
  from: '"The shop" <shop@touchstone.example>',
  to: 'Cust123@customers.example',
  subject: 'Your order is confirmed: 2 × Größe M',
  text: 'Thank you!\nYou paid 59.99 €.\n',
  messageId: '<n-1@touchstone.example>',
};

function openTransport(mailbox: Pick<Mailbox, 'smtpUrl'>) {
  const transport = createTransport(mailbox.smtpUrl);
  return {
    send: (changes = {}) => transport.sendMail({ ...sample, ...changes }),
    [Symbol.dispose]: () => transport.close(),
  };
}

async function readMessages(mailbox: Mailbox, query = ''): Promise<MailMessage[]> {
  const response = await fetch(`${mailbox.httpUrl}/messages${query}`);
  return ((await response.json()) as { messages: MailMessage[] }).messages;
}

describe('the mailbox', () => {
  it.each([
    { headers: { host: 'rebound.example' }, status: 403 },
    { headers: { origin: 'https://evil.example' }, status: 403 },
    { headers: { host: 'localhost', origin: 'http://localhost:8080' }, status: 200 },
    { headers: { host: 'mailbox.internal' }, allowedHosts: ['mailbox.internal'], status: 200 },
  ])(
    'shows its mails to no page that made its name point here: $headers is $status',
    async ({ headers, allowedHosts, status }) => {
      await using mailbox = await startMailbox({ allowedHosts });
      const [response] = await once(get(`${mailbox.httpUrl}/messages`, { headers, agent: false }), 'response');

      expect((response as IncomingMessage).statusCode).toBe(status);
      (response as IncomingMessage).resume();
    },
  );

  it('lists a mail as it was sent', async () => {
    await using mailbox = await startMailbox();
    using transport = openTransport(mailbox);

    await transport.send();

    expect(await readMessages(mailbox)).toEqual([
      {
        id: expect.any(String),
        message_id: '<n-1@touchstone.example>',
        from: 'shop@touchstone.example',
        to: ['cust123@customers.example'],
        subject: sample.subject,
        text: sample.text,
        received_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ]);
  });

  it('lists a mail that arrives twice, twice', async () => {
    await using mailbox = await startMailbox();
    using transport = openTransport(mailbox);

    await transport.send();
    await transport.send();

    const messages = await readMessages(mailbox, '?to=cust123@customers.example');
    expect(messages.map((message) => message.message_id)).toEqual([sample.messageId, sample.messageId]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(2);
  });

  it('lists the mails of one customer only', async () => {
    await using mailbox = await startMailbox();
    using transport = openTransport(mailbox);
    await transport.send();
    await transport.send({ to: 'other@customers.example', messageId: '<n-2@touchstone.example>' });

    expect((await readMessages(mailbox, '?to=other@customers.example')).map((message) => message.message_id)).toEqual([
      '<n-2@touchstone.example>',
    ]);
    expect(await readMessages(mailbox, '?to=no-recipient@customers.example')).toEqual([]);
  });

  it('lists every mail it answered with 250 after a restart', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'mailbox.jsonl');
    const before = await startMailbox({ file });
    using transport = openTransport(before);
    await Promise.all(
      Array.from({ length: 5 }, (_, n) => transport.send({ messageId: `<n-${n}@touchstone.example>` })),
    );
    const messages = await readMessages(before);
    await before.close();

    await using after = await startMailbox({ file });

    expect(messages).toHaveLength(5);
    expect(await readMessages(after)).toEqual(messages);
  });

  it('lists every mail it answered with 250 after SIGKILL', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const environment = {
      MAILBOX_SMTP_PORT: '0',
      MAILBOX_HTTP_PORT: '0',
      MAILBOX_FILE: join(folder.path, 'mailbox.jsonl'),
    };
    await using first = await startProgram('mailbox', environment);
    using transport = openTransport({ smtpUrl: String(first.said.smtp) });
    await transport.send();
    await first.kill();

    await using second = await startProgram('mailbox', environment);

    const response = await fetch(String(second.said.http));
    expect(await response.json()).toMatchObject({ messages: [{ message_id: sample.messageId }] });
  });

  it('rejects a mail of more than a megabyte and accepts the next', async () => {
    await using mailbox = await startMailbox();
    using transport = openTransport(mailbox);

    await expect(transport.send({ text: 'x'.repeat(2 * 1024 * 1024) })).rejects.toMatchObject({ responseCode: 552 });

    expect(await readMessages(mailbox)).toEqual([]);
    await transport.send();
    expect(await readMessages(mailbox)).toHaveLength(1);
  });

  it('keeps accepting mails when a client disconnects in the middle of one', async () => {
    await using mailbox = await startMailbox();
    const socket = connect(mailbox.smtpPort, '127.0.0.1');
    const lines = createInterface({ input: socket });
    for (const command of ['HELO test', 'MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) {
      await once(lines, 'line');
      socket.write(`${command}\r\n`);
    }
    await once(lines, 'line');
    socket.write('Subject: half a m');
    socket.destroy();

    using transport = openTransport(mailbox);
    await transport.send();
    expect((await readMessages(mailbox)).map(({ subject }) => subject)).toEqual([sample.subject]);
  });
});

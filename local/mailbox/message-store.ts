// The mailbox's messages, duplicates included. Memory holds the newest 100,000 messages, at most 64 MiB. With a file, messages
// survive restarts and SIGKILLs; the file is never truncated.

import { type AppendLog, openAppendLog } from '../shared/append-log.ts';

const MAX_MESSAGES = 100_000;
const MAX_BYTES = 64 * 1024 * 1024;

export type MailMessage = {
  id: string;
  /** The Message-ID header, with its angle brackets; null when the mail has none. */
  message_id: string | null;
  from: string;
  /** The envelope's recipients, in lower case. */
  to: string[];
  subject: string;
  text: string;
  received_time: string;
};

export type MessageStore = AsyncDisposable & {
  /** Resolves when the message is durable and listed. */
  add(message: MailMessage): Promise<void>;
  /** Oldest first; with `to`, only the messages to that address. */
  list(to?: string): MailMessage[];
};

/**
 * Opens the store. `maxMessages` and `maxBytes` limit what is kept in memory.
 * @throws {Error} when the file is damaged.
 */
export async function openMessageStore(
  file: string | undefined,
  { maxMessages = MAX_MESSAGES, maxBytes = MAX_BYTES }: { maxMessages?: number; maxBytes?: number } = {},
): Promise<MessageStore> {
  let kept: { message: MailMessage; bytes: number }[] = [];
  let first = 0;
  let bytes = 0;

  function keep(message: MailMessage): void {
    const size = JSON.stringify(message).length;
    kept.push({ message, bytes: size });
    bytes += size;
    while (kept.length - first > maxMessages || (bytes > maxBytes && kept.length - first > 1)) {
      bytes -= kept[first]?.bytes ?? 0;
      first += 1;
    }
    // Compacted rarely: shifting the array for every message would cost its whole length each time.
    if (first > maxMessages / 2) {
      kept = kept.slice(first);
      first = 0;
    }
  }

  const log: AppendLog<MailMessage> | undefined = file === undefined ? undefined : await openAppendLog(file, keep);
  return {
    async add(message) {
      await log?.append(message);
      keep(message);
    },
    list(to) {
      const wanted = to?.toLowerCase();
      const messages = kept.slice(first).map(({ message }) => message);
      return wanted === undefined ? messages : messages.filter((message) => message.to.includes(wanted));
    },
    async [Symbol.asyncDispose]() {
      await log?.close();
    },
  };
}

// Facts from external systems: the payment provider's ledger and the mailbox, both over HTTP.
import { z } from 'zod';
import type { Mailbox, MailFact, ProviderChargeFact } from './facts.ts';
import { sumBy } from './finding.ts';
import { readJson, sourceUnavailable } from './sources.ts';

// A mailbox of this size has dropped its oldest mails, or is about to.
const FULL_MAILS = 100_000;
const FULL_BYTES = 60 * 1024 * 1024;
const OWN_MESSAGE_ID = /@notification\.customers\.example>$/;

const amount = z.object({ currency_code: z.string(), minor_units: z.int() });
const ledgerSchema = z.object({
  charges: z.array(
    z.object({
      id: z.string(),
      order_id: z.string(),
      amount,
      status: z.enum(['pending', 'captured', 'declined']),
    }),
  ),
  refunds: z.array(z.object({ charge_id: z.string(), amount })),
});
const mailsSchema = z.object({
  messages: z.array(z.object({ message_id: z.string().nullable(), text: z.string(), received_time: z.iso.datetime() })),
});

/**
 * Reads every charge with its refunds. Returns undefined when the provider shows no ledger.
 *
 * @throws {SourceUnavailable} the provider cannot be read.
 */
export async function readLedger(providerUrl: string): Promise<ProviderChargeFact[] | undefined> {
  const url = new URL('/v1/ledger', providerUrl).toString();
  const body = await readJson('the payment provider', url);
  if (body === undefined) return undefined;
  const { charges, refunds } = parse(ledgerSchema, body, 'the payment provider', url);
  const refundedOf = sumBy(refunds.map((refund) => [refund.charge_id, refund.amount.minor_units] as const));
  return charges.map((charge) => ({
    chargeId: charge.id,
    orderId: charge.order_id,
    status: charge.status,
    amount: { currencyCode: charge.amount.currency_code, minorUnits: BigInt(charge.amount.minor_units) },
    refunded: BigInt(refundedOf.get(charge.id) ?? 0),
  }));
}

/**
 * Reads every mail about an order.
 *
 * @throws {SourceUnavailable} the mailbox cannot be read.
 */
export async function readMailbox(mailboxUrl: string): Promise<Mailbox> {
  const url = new URL('/messages', mailboxUrl).toString();
  const { messages } = parse(mailsSchema, await readJson('the mailbox', url), 'the mailbox', url);
  const mails: MailFact[] = [];
  let bytes = 0;
  for (const { message_id, text } of messages) {
    bytes += text.length;
    const orderId = /^Order: (.+)$/m.exec(text)?.[1]?.trim();
    const messageId = message_id ?? '';
    if (orderId !== undefined || OWN_MESSAGE_ID.test(messageId)) mails.push({ messageId, orderId: orderId ?? '' });
  }
  const isFull = messages.length >= FULL_MAILS || bytes >= FULL_BYTES;
  const oldest = messages[0]?.received_time;
  return {
    mails,
    unrelated: messages.length - mails.length,
    since: isFull && oldest !== undefined ? new Date(oldest) : undefined,
  };
}

function parse<Shape extends z.ZodType>(schema: Shape, body: unknown, source: string, url: string): z.output<Shape> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw sourceUnavailable(source, url, new Error(z.prettifyError(result.error).slice(0, 500)));
}

// The mail address of a customer: for any customer id a local part that needs no quoting and fits the limits of SMTP.
import { createHash } from 'node:crypto';

const DOMAIN = 'customers.example';
const MAX_LOCAL_PART = 64;

/**
 * The address `<customer_id>@customers.example`. Other characters are percent-encoded byte by byte; an id that is
 * too long is replaced by its digest. Different ids have different addresses.
 */
export function mailAddressOf(customerId: string): string {
  const bytes = Buffer.from(customerId);
  const local = Array.from(bytes, (byte, index) =>
    isPlain(bytes, index) ? String.fromCharCode(byte) : escapeByte(byte),
  );
  const name = local.join('');
  return `${name.length <= MAX_LOCAL_PART ? name : digest(customerId)}@${DOMAIN}`;
}

// A dot is allowed only between other characters.
function isPlain(bytes: Buffer, index: number): boolean {
  const character = String.fromCharCode(bytes[index] ?? 0);
  if (/[A-Za-z0-9_+=-]/.test(character)) return true;
  return character === '.' && index > 0 && index < bytes.length - 1 && bytes[index - 1] !== bytes[index];
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function digest(customerId: string): string {
  return `sha256-${createHash('sha256').update(customerId).digest('hex').slice(0, 48)}`;
}

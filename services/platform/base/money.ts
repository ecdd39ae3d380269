// Exact money: integer minor units with a currency. Pure.
import { decimalsOf } from './currencies.ts';

/** An amount in the smallest unit of an ISO 4217 currency: 59.99 EUR is `{ currencyCode: 'EUR', minorUnits: 5999n }`. */
export type Money = { readonly currencyCode: string; readonly minorUnits: bigint };

/**
 * Adds amounts of one currency.
 *
 * @throws {RangeError} for mixed currencies or an empty list.
 */
export function sumMoney(amounts: readonly Money[]): Money {
  const [first, ...rest] = amounts;
  if (first === undefined) throw new RangeError('cannot sum an empty list: its currency is unknown');
  return rest.reduce((sum, amount) => {
    if (amount.currencyCode !== sum.currencyCode) {
      throw new RangeError(`cannot add ${amount.currencyCode} to ${sum.currencyCode}`);
    }
    return { currencyCode: sum.currencyCode, minorUnits: sum.minorUnits + amount.minorUnits };
  }, first);
}

/**
 * Multiplies an amount by a whole number.
 *
 * @throws {RangeError} when `factor` is not a safe integer.
 */
export function multiplyMoney(amount: Money, factor: number): Money {
  if (!Number.isSafeInteger(factor)) throw new RangeError(`cannot multiply money by ${factor}`);
  return { currencyCode: amount.currencyCode, minorUnits: amount.minorUnits * BigInt(factor) };
}

/** The largest amount that the contract, and a column of the database, can hold. */
export const MAX_MINOR_UNITS = 2n ** 63n - 1n;

/** Whether two amounts are the same in currency and value. */
export function equalMoney(left: Money, right: Money): boolean {
  return left.currencyCode === right.currencyCode && left.minorUnits === right.minorUnits;
}

/** An amount as people read it, with the decimals of its currency: `59.99 EUR`, `5000 JPY`, `1.234 KWD`. */
export function formatMoney({ minorUnits, currencyCode }: Money): string {
  const decimals = decimalsOf(currencyCode) ?? 2;
  const sign = minorUnits < 0n ? '-' : '';
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals === 0 ? '' : `.${digits.slice(-decimals)}`;
  return `${sign}${whole}${fraction} ${currencyCode}`;
}

// Amounts of money as text: as many decimals as the currency has, in the language of the reader.

/** The part of shop.common.v1.Money that is read. */
export type Amount = { readonly currencyCode: string; readonly minorUnits: bigint };

/** 5999 of EUR is €59.99, 1200 of JPY is ¥1,200. An unknown currency is shown by its code. */
export function formatAmount(amount: Amount | undefined, language?: string): string {
  if (amount === undefined) return '–';
  const { currencyCode, minorUnits } = amount;
  const decimals = decimalsOf(currencyCode);
  if (decimals === undefined) return `${minorUnits} ${currencyCode}`;
  const text = decimalText(minorUnits, decimals);
  const format = new Intl.NumberFormat(language, { style: 'currency', currency: currencyCode });
  // As text, because a number would round large amounts.
  return format.format(text as Intl.StringNumericLiteral);
}

/** Several amounts, one for each currency. */
export function formatAmounts(amounts: readonly Amount[], language?: string): string {
  return amounts.length === 0 ? '–' : amounts.map((amount) => formatAmount(amount, language)).join(' + ');
}

/** What is left of `from` without `minus`, by currency. */
export function subtractAmounts(from: readonly Amount[], minus: readonly Amount[]): Amount[] {
  const left = new Map(from.map(({ currencyCode, minorUnits }) => [currencyCode, minorUnits]));
  for (const { currencyCode, minorUnits } of minus) left.set(currencyCode, (left.get(currencyCode) ?? 0n) - minorUnits);
  return [...left].map(([currencyCode, minorUnits]) => ({ currencyCode, minorUnits }));
}

function decimalsOf(currencyCode: string): number | undefined {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency: currencyCode }).resolvedOptions()
      .maximumFractionDigits;
  } catch {
    // Not a code of three letters.
    return undefined;
  }
}

function decimalText(minorUnits: bigint, decimals: number): string {
  const sign = minorUnits < 0n ? '-' : '';
  const digits = String(minorUnits < 0n ? -minorUnits : minorUnits).padStart(decimals + 1, '0');
  if (decimals === 0) return `${sign}${digits}`;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

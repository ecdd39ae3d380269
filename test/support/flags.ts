// Flag documents as an operator writes them.

/** A flagd document with `new_pricing_algorithm` on for this percentage of customers. */
export function pricingFlags(percentage: number): string {
  const targeting = {
    fractional: [
      ['on', percentage],
      ['off', 100 - percentage],
    ],
  };
  const flag = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', targeting };
  return JSON.stringify({ flags: { new_pricing_algorithm: flag } });
}

// The share of the subjects for whom a flag is on, as text.

/** `12.5 %`; `by its rule` for a rule that is more than a split. */
export function formatPercentage(percentage: number | undefined): string {
  if (percentage === undefined) return 'by its rule';
  return `on for ${Number(percentage.toFixed(2))} %`;
}

// The alerting rules of a file in Prometheus' format.
import { parse } from 'yaml';
import { z } from 'zod';
import { parseExpression, type RuleExpression } from './rule-expression.ts';

const rulesFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string().optional(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.string().optional() }).optional(),
          annotations: z.object({ summary: z.string().optional(), action: z.string().optional() }).optional(),
        }),
      ),
    }),
  ),
});

export type AlertRule = {
  readonly name: string;
  readonly severity: string;
  readonly expression: string;
  /** Undefined for an expression that one look at the metrics cannot judge. */
  readonly parsed: RuleExpression | undefined;
  /** How long it must hold before the alert fires, in milliseconds. */
  readonly holdMs: number;
  /** May contain `{{ $value }}` and `{{ $labels.service }}`. */
  readonly summary: string;
  readonly action: string;
};

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads the alerts of a file; its recorded rules are left out.
 *
 * @throws {Error} when it is no file of rules.
 */
export function parseRules(text: string): AlertRule[] {
  return rulesFile.parse(parse(text)).groups.flatMap(({ rules }) =>
    rules.flatMap(({ alert, expr, for: hold, labels, annotations }): AlertRule[] => {
      if (alert === undefined) return [];
      const parsed = parseExpression(expr);
      return [
        {
          name: alert,
          severity: labels?.severity ?? '',
          expression: expr.trim(),
          parsed,
          holdMs: durationOf(hold ?? '0s'),
          summary: annotations?.summary ?? '',
          action: annotations?.action ?? '',
        },
      ];
    }),
  );
}

/** `1m30s` in milliseconds. */
function durationOf(text: string): number {
  return [...text.matchAll(/(\d+)(ms|[smhd])/g)].reduce(
    (total, [, count = '0', unit = '']) => total + Number(count) * (UNITS[unit] ?? 0),
    0,
  );
}

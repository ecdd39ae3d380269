// The rules of a file in Prometheus' format: its alerts, and what it records for them.
import { parse } from 'yaml';
import { z } from 'zod';
import { durationOf, parseExpression, type RuleExpression } from './rule-expression.ts';

const rulesFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string().optional(),
          record: z.string().optional(),
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
  /** Undefined for an expression that uses more of PromQL than is understood here. */
  readonly parsed: RuleExpression | undefined;
  /** How long it must hold before the alert fires, in milliseconds. */
  readonly holdMs: number;
  /** May contain `{{ $value }}` and `{{ $labels.service }}`. */
  readonly summary: string;
  readonly action: string;
};

export type Rules = {
  readonly alerts: readonly AlertRule[];
  /** The expressions of the recorded metrics, by their names. */
  readonly records: ReadonlyMap<string, RuleExpression>;
};

/**
 * Reads the rules of a file. A recorded metric whose expression is not understood is taken for one that no service has.
 *
 * @throws {Error} when it is no file of rules.
 */
export function parseRules(text: string): Rules {
  const rules = rulesFile.parse(parse(text)).groups.flatMap((group) => group.rules);
  const records = rules.flatMap(({ record, expr }) => {
    const parsed = parseExpression(expr);
    return record === undefined || parsed === undefined ? [] : [[record, parsed] as const];
  });
  const alerts = rules.flatMap(({ alert, expr, for: hold, labels, annotations }): AlertRule[] => {
    if (alert === undefined) return [];
    return [
      {
        name: alert,
        severity: labels?.severity ?? '',
        expression: expr.trim(),
        parsed: parseExpression(expr),
        holdMs: durationOf(hold ?? '0s'),
        summary: annotations?.summary ?? '',
        action: annotations?.action ?? '',
      },
    ];
  });
  return { alerts, records: new Map(records) };
}

// The alerting rules of the platform as the console judges them: which, and by metrics that exist.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parseRules } from '#services/console/alerts/alert-rules.ts';

const RULES = fileURLToPath(new URL('../../../services/monitor/prometheus/alerts.yaml', import.meta.url));
const rules = parseRules(readFileSync(RULES, 'utf8'));

/** Written by hand: the others compare what happened within minutes or hours, which takes a Prometheus. */
it('judges every rule that compares a metric of the moment, and says which it does not', () => {
  expect(rules.flatMap(({ name, parsed }) => (parsed === undefined ? [name] : []))).toEqual([
    'JourneysFailFast',
    'JourneysFailSlowly',
    'JourneysDoNotRun',
    'LoadShed',
  ]);
  expect(rules.filter(({ parsed }) => parsed !== undefined).map(({ name }) => name)).toEqual([
    'ServiceDown',
    'CircuitBreakerOpen',
    'BrokerAway',
    'OutboxLags',
    'ConsumerLags',
    'DeadLetters',
    'OrdersPendTooLong',
    'CompensationsOpen',
  ]);
});

it('has words and an action for every alert', () => {
  for (const { summary, action, severity } of rules) {
    expect(summary).not.toBe('');
    expect(action).not.toBe('');
    expect(['page', 'ticket']).toContain(severity);
  }
});

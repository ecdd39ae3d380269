// The alerts of all services, judged when an operator's page asks.
import { readFile } from 'node:fs/promises';
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import { describeError, unavailable } from '../platform/base/errors.ts';
import { createAlertJudge, type JudgeAlerts } from './alerts/alert-judge.ts';
import { type AlertRule, parseRules } from './alerts/alert-rules.ts';
import type { Credentials } from './credentials.ts';
import { jsonRoute } from './json-route.ts';
import { parseMetrics, type Sample } from './metrics-text.ts';
import type { Reading, ReadMetrics } from './scrape.ts';

/** The name by which Prometheus scrapes the platform. */
const JOB = 'touchstone';

/** The route that judges the rules of a file, or answers none where there is no file. */
export function alertRoutes(
  rulesFile: string | undefined,
  readMetrics: ReadMetrics,
  credentials: Credentials,
): Record<string, HttpHandler> {
  let judge: { readonly alerts: JudgeAlerts; readonly names: ReadonlySet<string> } | undefined;
  return {
    '/console/alerts': jsonRoute('GET', async ({ headers }) => {
      await credentials.requireOperator(headers);
      if (rulesFile === undefined) return { body: { alerts: [] } };
      if (judge === undefined) {
        const rules = await readRules(rulesFile);
        judge = { alerts: createAlertJudge(rules), names: namesOf(rules) };
      }
      const { names, alerts } = judge;
      const reading = await readMetrics(await credentials.find(headers));
      return { body: { alerts: alerts(samplesOf(reading, names)) } };
    }),
  };
}

async function readRules(path: string): Promise<AlertRule[]> {
  try {
    return parseRules(await readFile(path, 'utf8'));
  } catch (error) {
    const message = `the alerting rules cannot be read: ${describeError(error)}`;
    throw unavailable({ reason: 'RULES_UNREADABLE', message, cause: error });
  }
}

function namesOf(rules: readonly AlertRule[]): Set<string> {
  return new Set(rules.flatMap(({ parsed }) => (parsed === undefined ? [] : [parsed.metric])));
}

/** The samples of all replicas, with the labels that Prometheus adds, and `up` as it would have it. */
function samplesOf({ replicas }: Reading, names: ReadonlySet<string>): Sample[] {
  return replicas.flatMap(({ instance, text }) => {
    const added = { job: JOB, instance };
    const own = text === undefined ? [] : parseMetrics(text, names);
    const samples = own.map((sample) => ({ ...sample, labels: { ...sample.labels, ...added } }));
    return [...samples, { name: 'up', labels: added, value: text === undefined ? 0 : 1 }];
  });
}

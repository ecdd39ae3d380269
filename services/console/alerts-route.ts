// The alerts of all services: judged when an operator's page asks, and in between as far as the console may read metrics by itself, so that
// what the rules say about minutes and hours is known when one looks.
import { readFile } from 'node:fs/promises';
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import { describeError, unavailable } from '../platform/base/errors.ts';
import { createWorker, type Worker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import { type Alert, createAlertJudge, type JudgeAlerts } from './alerts/alert-judge.ts';
import { parseRules, type Rules } from './alerts/alert-rules.ts';
import type { Sample } from './alerts/evaluate-rule.ts';
import { metricsOf } from './alerts/rule-expression.ts';
import type { Credentials } from './credentials.ts';
import { jsonRoute } from './json-route.ts';
import { parseMetrics } from './metrics-text.ts';
import type { Reading, ReadMetrics } from './scrape.ts';

/** The name by which Prometheus scrapes the platform. */
const JOB = 'touchstone';
const LOOK_PERIOD_MS = 15_000;

export type AlertOptions = {
  /** Undefined judges nothing. */
  readonly rulesFile: string | undefined;
  readonly readMetrics: ReadMetrics;
  readonly credentials: Credentials;
  readonly log: Logger;
};

export type AlertJudgement = {
  readonly routes: Record<string, HttpHandler>;
  /** Looks every 15 seconds, where the console has a token of its own for it. */
  readonly watch: Worker;
};

/** Creates the judgement of the rules in a file; nothing is read before the first look. */
export function createAlertJudgement({ rulesFile, readMetrics, credentials, log }: AlertOptions): AlertJudgement {
  let judge: { readonly alerts: JudgeAlerts; readonly names: ReadonlySet<string> } | undefined;
  const look = async (path: string, authorization: string | undefined): Promise<Alert[]> => {
    if (judge === undefined) {
      const rules = await readRules(path);
      judge ??= { alerts: createAlertJudge(rules), names: namesOf(rules) };
    }
    const { names, alerts } = judge;
    return alerts(samplesOf(await readMetrics(authorization), names));
  };
  return {
    routes: {
      '/console/alerts': jsonRoute('GET', async ({ headers }) => {
        await credentials.requireOperator(headers);
        const alerts = rulesFile === undefined ? [] : await look(rulesFile, await credentials.find(headers));
        return { body: { alerts } };
      }),
    },
    watch: createWorker({
      name: 'alert watch',
      periodMs: LOOK_PERIOD_MS,
      log,
      work: async () => {
        const authorization = await credentials.find({});
        if (rulesFile === undefined || authorization === undefined) return false;
        // The page says why, when it asks.
        await look(rulesFile, authorization).catch((error: unknown) =>
          log.debug({ err: error }, 'the alerts cannot be judged'),
        );
        return false;
      },
    }),
  };
}

async function readRules(path: string): Promise<Rules> {
  try {
    return parseRules(await readFile(path, 'utf8'));
  } catch (error) {
    const message = `the alerting rules cannot be read: ${describeError(error)}`;
    throw unavailable({ reason: 'RULES_UNREADABLE', message, cause: error });
  }
}

function namesOf({ alerts, records }: Rules): Set<string> {
  const expressions = [...alerts.map(({ parsed }) => parsed), ...records.values()];
  return new Set(
    expressions.flatMap((parsed) => (parsed === undefined ? [] : metricsOf(parsed).map(({ of }) => of.metric))),
  );
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

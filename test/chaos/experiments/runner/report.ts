// The report of a run: in Markdown for people who do not know the code, and in JSON for programs. Pure.
import type { Experiment, Finding } from './experiment.ts';
import type { Outcome } from './run-experiment.ts';
import { haveAllPassed, type Verdict } from './verdict.ts';

/** The texts of an experiment, without its functions. */
export type Described = Pick<
  Experiment,
  | 'name'
  | 'title'
  | 'section'
  | 'hypothesis'
  | 'fault'
  | 'blastRadius'
  | 'measuredBy'
  | 'platform'
  | 'scenariosPerSecond'
> & { readonly abort: Pick<Experiment['abort'], 'when' | 'limitMs'> };

export type Result = { readonly experiment: Described; readonly outcome: Outcome };

export type RunFacts = {
  readonly seed: number;
  readonly startTime: Date;
  /** The steady state in words, common to all experiments. */
  readonly steadyState: string;
  readonly tookMs: number;
  /** Whether the run was interrupted. */
  readonly interrupted: boolean;
};

const MARKS: Readonly<Record<Verdict, string>> = {
  upheld: '✅ upheld',
  refuted: '❌ refuted',
  aborted: '⛔ aborted',
  'fault had no effect': '❌ fault had no effect',
  skipped: '➖ skipped',
};

/** Renders the report in Markdown. */
export function renderReport(results: readonly Result[], facts: RunFacts): string {
  return [
    '# Chaos experiments',
    '',
    renderIntroduction(results, facts),
    '',
    '| experiment | what was broken | verdict | took |',
    '|---|---|---|---|',
    ...results.map(
      ({ experiment, outcome }) =>
        `| [${experiment.name}](#${experiment.name}) | ${cell(experiment.title)} | ${MARKS[outcome.verdict]} | ${seconds(outcome.tookMs)} |`,
    ),
    '',
    renderLegend(facts.steadyState),
    ...results.flatMap((result) => ['', renderResult(result, facts.seed)]),
    '',
  ].join('\n');
}

/** Renders the report in JSON. */
export function renderJson(results: readonly Result[], { steadyState, ...facts }: RunFacts): string {
  const { seed, startTime, tookMs, interrupted } = facts;
  const experiments = results.map(({ experiment, outcome }) => {
    const { name, title, section, hypothesis, fault, blastRadius, measuredBy, platform, scenariosPerSecond } =
      experiment;
    const { when, limitMs } = experiment.abort;
    const words = { name, title, section, steadyState, hypothesis, fault, blastRadius, measuredBy };
    return { ...words, abort: { when, limitMs }, platform, scenariosPerSecond, ...outcome };
  });
  const upheld = haveAllPassed(results.map(({ outcome }) => outcome.verdict)) && !interrupted;
  const run = {
    seed,
    startTime: startTime.toISOString(),
    tookMs: Math.round(tookMs),
    interrupted,
    upheld,
    experiments,
  };
  return `${JSON.stringify(run, undefined, 2)}\n`;
}

function renderIntroduction(results: readonly Result[], { seed, startTime, tookMs, interrupted }: RunFacts): string {
  const counts = new Map<Verdict, number>();
  for (const { outcome } of results) counts.set(outcome.verdict, (counts.get(outcome.verdict) ?? 0) + 1);
  const verdicts = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ') || 'none was run';
  const ending = interrupted ? ' The run was interrupted.' : '';
  return [
    `${results.length} experiments on ${startTime.toISOString().slice(0, 16).replace('T', ' ')} UTC, in ${seconds(tookMs)}: ` +
      `${verdicts}.${ending} Seed ${seed}.`,
    '',
    'Each experiment broke one thing in a running shop (services, database, broker, payment provider and mailbox as separate',
    'processes, every link between two of them through a fault proxy) and checked whether the shop kept its promises to customers',
    'during the fault and after it. Circuit breakers retry after 2 s and open charges are settled after 1 s, so that the experiments',
    'are short; all other settings are those of `make run`.',
  ].join('\n');
}

function renderLegend(steadyState: string): string {
  return [
    '**Steady state**, common to all experiments: ',
    `${steadyState} It was probed before each fault and after it.`,
    '',
    '**Verdicts.** *Upheld*: every claim held, the fault had a measured effect, the steady state returned, and every invariant',
    '(nothing lost, duplicated, oversold or charged twice) held at quiescence. *Refuted*: one of these failed. *Fault had no effect*:',
    'the fault had no measurable effect, so the experiment proves nothing. *Aborted*: the abort condition was met, or there was no',
    'steady state before the fault. *Skipped*: this machine cannot run it, for the reason given.',
  ].join('\n');
}

function renderResult({ experiment, outcome }: Result, seed: number): string {
  const { name, title, section, hypothesis, fault, blastRadius, abort, measuredBy, scenariosPerSecond, platform } =
    experiment;
  const customers =
    scenariosPerSecond === 0
      ? 'only the orders of the experiment itself'
      : `about ${scenariosPerSecond} scenarios per second: orders, duplicates, cancellations, declines`;
  return [
    `## ${name}`,
    '',
    `${title}${section === undefined ? '' : ` (section ${section} of the testing guide)`}: **${MARKS[outcome.verdict]}**`,
    '',
    ...outcome.reasons.map((reason) => `> ${reason}`),
    ...(outcome.reasons.length > 0 ? [''] : []),
    `- **Hypothesis:** ${hypothesis}`,
    `- **Fault:** ${fault}`,
    `- **Blast radius:** ${blastRadius}`,
    `- **Abort condition:** ${abort.when}, or the fault lasts longer than ${abort.limitMs / 1_000} s.`,
    `- **Effect measured by:** ${measuredBy}`,
    `- **Background load:** ${customers}; on ${platform === 'own' ? 'a platform of its own' : 'the platform of the previous experiments'}.`,
    ...(outcome.verdict === 'skipped' ? [] : ['', ...renderFindings(outcome)]),
    '',
    `Repeat: \`make chaos EXPERIMENT=${name} SEED=${seed}\``,
  ].join('\n');
}

function renderFindings(outcome: Outcome): string[] {
  const { steadyBefore, effect, findings, steadyAfter, judgement, faultMs } = outcome;
  const rows: Finding[] = [
    ...(steadyBefore === undefined ? [] : [{ claim: 'Steady state before the fault', ...steadyBefore }]),
    ...(effect === undefined
      ? []
      : [
          {
            claim: `The fault, active for ${seconds(faultMs)}, has an effect`,
            holds: effect.count > 0,
            seen: effect.seen,
          },
        ]),
    ...findings,
    ...(steadyAfter === undefined ? [] : [{ claim: 'Steady state after the fault', ...steadyAfter }]),
    ...(judgement === undefined
      ? []
      : [
          {
            claim: 'Invariants at quiescence',
            holds: judgement.violations.length === 0,
            seen: judgement.violations.length === 0 ? `${judgement.held} hold` : judgement.violations.join('; '),
          },
        ]),
  ];
  return [
    '| | claim | seen |',
    '|---|---|---|',
    ...rows.map(({ claim, holds, seen }) => `| ${holds ? '✅' : '❌'} | ${cell(claim)} | ${cell(seen)} |`),
  ];
}

/** Escapes a text for a table cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

// The report of a run: for people in Markdown, who need not know the code, and for programs in JSON. Pure.
import type { Experiment, Finding } from './experiment.ts';
import type { Outcome } from './run-experiment.ts';
import { isWell, type Verdict } from './verdict.ts';

/** The words of an experiment, without what it does. */
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
  /** The steady state in words, the same for all. */
  readonly steadyState: string;
  readonly tookMs: number;
  /** Whether it was called off before its end. */
  readonly calledOff: boolean;
};

const MARKS: Readonly<Record<Verdict, string>> = {
  upheld: '✅ upheld',
  refuted: '❌ refuted',
  aborted: '⛔ aborted',
  'fault did not measureEffect': '❌ fault did not measureEffect',
  skipped: '➖ skipped',
};

/** Renders a run for people. */
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
    renderReadingHelp(facts.steadyState),
    ...results.flatMap((result) => ['', renderResult(result, facts.seed)]),
    '',
  ].join('\n');
}

/** Renders a run for programs. */
export function renderJson(results: readonly Result[], { steadyState, ...facts }: RunFacts): string {
  const { seed, startTime, tookMs, calledOff } = facts;
  const experiments = results.map(({ experiment, outcome }) => {
    const { name, title, section, hypothesis, fault, blastRadius, measuredBy, platform, scenariosPerSecond } =
      experiment;
    const { when, limitMs } = experiment.abort;
    const words = { name, title, section, steadyState, hypothesis, fault, blastRadius, measuredBy };
    return { ...words, abort: { when, limitMs }, platform, scenariosPerSecond, ...outcome };
  });
  const upheld = isWell(results.map(({ outcome }) => outcome.verdict)) && !calledOff;
  const run = { seed, startTime: startTime.toISOString(), tookMs: Math.round(tookMs), calledOff, upheld, experiments };
  return `${JSON.stringify(run, undefined, 2)}\n`;
}

function renderIntroduction(results: readonly Result[], { seed, startTime, tookMs, calledOff }: RunFacts): string {
  const counts = new Map<Verdict, number>();
  for (const { outcome } of results) counts.set(outcome.verdict, (counts.get(outcome.verdict) ?? 0) + 1);
  const verdicts = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ') || 'none was done';
  const ending = calledOff ? ' It was called off before its end.' : '';
  return [
    `${results.length} experiments on ${startTime.toISOString().slice(0, 16).replace('T', ' ')} UTC, in ${seconds(tookMs)}: ` +
      `${verdicts}.${ending} Seed ${seed}.`,
    '',
    'Each experiment broke one thing in a running shop (services, database, broker, payment provider and mailbox as processes of',
    'their own, every way between two of them through a proxy that can be told to do harm) and looked whether the shop kept its',
    'promises to customers meanwhile and afterwards. Circuit breakers try again after 2 s and open charges are settled after 1 s, so that',
    'nobody has to wait long; all else is as the shop is run.',
  ].join('\n');
}

function renderReadingHelp(steadyState: string): string {
  return [
    '**Steady state**, the same for all: ',
    `${steadyState} It was looked for before each fault and again after it.`,
    '',
    '**Verdicts.** *Upheld*: everything that was claimed was seen, the fault was measured, the steady state came back, and every',
    'invariant (nothing lost, doubled, oversold or charged twice) held at rest. *Refuted*: something of that was not so. *Fault did',
    'not measureEffect*: the measuredBy saw no effect of the fault, so the experiment shows nothing. *Aborted*: called off by its abort condition,',
    'or there was no steady state to begin with. *Skipped*: this machine cannot do it, for the reason given.',
  ].join('\n');
}

function renderResult({ experiment, outcome }: Result, seed: number): string {
  const { name, title, section, hypothesis, fault, blastRadius, abort, measuredBy, scenariosPerSecond, platform } =
    experiment;
  const customers =
    scenariosPerSecond === 0
      ? 'only the orders of the experiment itself'
      : `about ${scenariosPerSecond} scenarios a second: orders, repeats, cancellations, declines`;
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
    `- **Abort condition:** ${abort.when}, or the fault is on for more than ${abort.limitMs / 1_000} s.`,
    `- **Control:** ${measuredBy}`,
    `- **Customers meanwhile:** ${customers}; on ${platform === 'own' ? 'a platform of its own' : 'the platform of the experiments before it'}.`,
    ...(outcome.verdict === 'skipped' ? [] : ['', ...renderSeen(outcome)]),
    '',
    `Again: \`make chaos EXPERIMENT=${name} SEED=${seed}\``,
  ].join('\n');
}

function renderSeen(outcome: Outcome): string[] {
  const { steadyBefore, measureEffect, findings, steadyAfter, judgement, faultMs } = outcome;
  const rows: Finding[] = [
    ...(steadyBefore === undefined ? [] : [{ claim: 'Steady state before', ...steadyBefore }]),
    ...(measureEffect === undefined
      ? []
      : [
          {
            claim: `Control: the fault, on for ${seconds(faultMs)}, bites`,
            holds: measureEffect.count > 0,
            seen: measureEffect.seen,
          },
        ]),
    ...findings,
    ...(steadyAfter === undefined ? [] : [{ claim: 'Steady state afterwards', ...steadyAfter }]),
    ...(judgement === undefined
      ? []
      : [
          {
            claim: 'Invariants at rest',
            holds: judgement.violations.length === 0,
            seen: judgement.violations.length === 0 ? `${judgement.held} hold` : judgement.violations.join('; '),
          },
        ]),
  ];
  return [
    '| | looked at | seen |',
    '|---|---|---|',
    ...rows.map(({ claim, holds, seen }) => `| ${holds ? '✅' : '❌'} | ${cell(claim)} | ${cell(seen)} |`),
  ];
}

/** A text that cannot break its table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

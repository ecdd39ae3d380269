// The proofs: every invariant judged, and the journeys of the monitor.
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { ControlService, type Verdict, VerdictState } from '#gen/local/control/v1/control_pb.ts';
import type { Tone } from '../model/order-steps.ts';
import { describeVerdicts, invariantTitle } from '../model/verdicts.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Failure, Loading } from '../parts/notice.tsx';
import { Alerts } from './alerts.tsx';
import { Experiments } from './experiments.tsx';
import { Journeys } from './journeys.tsx';

const PERIOD_MS = 20_000;
const TONES: Readonly<Record<number, readonly [label: string, tone: Tone]>> = {
  [VerdictState.HOLDS]: ['holds', 'good'],
  [VerdictState.VIOLATED]: ['violated', 'bad'],
  [VerdictState.UNKNOWN]: ['waiting', 'wait'],
};

export function ProofView({ local }: { readonly local: boolean }) {
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Proof</h1>
          <p className="muted">
            Nothing lost, charged twice or oversold: judged from the databases, streams, ledger and mailbox.
          </p>
        </div>
      </div>
      {local && <Invariants />}
      <Alerts />
      {local && <Experiments />}
      <Journeys />
    </>
  );
}

function Invariants() {
  const judged = useQuery(
    ControlService.method.judgeInvariants,
    {},
    { refetchInterval: PERIOD_MS, placeholderData: keepPreviousData },
  );
  const busy = judged.isFetching;
  const verdicts = judged.data?.verdicts ?? [];
  const { text, tone } = describeVerdicts(verdicts);
  return (
    <Card
      title="Invariants"
      aside={
        <span className="aside">
          {verdicts.length > 0 && <Badge tone={tone}>{text}</Badge>}
          <button type="button" className="button small" disabled={busy} onClick={() => void judged.refetch()}>
            {busy ? 'Judging…' : 'Judge now'}
          </button>
        </span>
      }
    >
      {judged.error && <Failure error={judged.error} onRetry={() => void judged.refetch()} />}
      {judged.isPending && <Loading rows={8} />}
      <ul className="verdicts">
        {verdicts.map((verdict) => (
          <VerdictRow key={verdict.invariant} verdict={verdict} />
        ))}
      </ul>
    </Card>
  );
}

function VerdictRow({ verdict: { invariant, state, counts, findings } }: { readonly verdict: Verdict }) {
  const [label, tone] = TONES[state] ?? ['unknown', 'quiet'];
  return (
    <li className={tone}>
      <Badge tone={tone}>{label}</Badge>
      <div>
        <strong>{invariantTitle(invariant)}</strong>
        <p className="muted small-text">{counts}</p>
        {findings.length > 0 && (
          <details className="findings" open={state === VerdictState.VIOLATED}>
            <summary>{state === VerdictState.VIOLATED ? 'What violates it' : 'What is in flight'}</summary>
            <ul>
              {findings.map((finding) => (
                <li key={finding}>{finding}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </li>
  );
}

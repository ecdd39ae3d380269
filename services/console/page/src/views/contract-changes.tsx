// What the working tree changes in the contracts, and which consumers that breaks.
import { useQuery } from '@connectrpc/connect-query';
import { ChangeVerdict, type ContractChange, ControlService } from '#gen/local/control/v1/control_pb.ts';
import type { Tone } from '../model/order-steps.ts';
import { formatDuration } from '../model/times.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';

const VERDICTS: Readonly<Record<ChangeVerdict, readonly [label: string, tone: Tone]>> = {
  [ChangeVerdict.UNSPECIFIED]: ['unknown', 'quiet'],
  [ChangeVerdict.BREAKS]: ['breaks', 'bad'],
  [ChangeVerdict.UNUSED]: ['unused', 'good'],
  [ChangeVerdict.UNKNOWN]: ['may break', 'wait'],
};

export function ContractChanges() {
  const checked = useQuery(ControlService.method.checkContracts, {}, { staleTime: Number.POSITIVE_INFINITY });
  const { changes = [], durationMs = 0 } = checked.data ?? {};
  return (
    <Card
      title="Can I change?"
      aside={
        <button
          type="button"
          className="button small"
          disabled={checked.isFetching}
          onClick={() => void checked.refetch()}
        >
          {checked.isFetching ? 'Comparing…' : 'Compare now'}
        </button>
      }
    >
      <p className="muted">The contracts of the working tree, compared with the released ones.</p>
      {checked.error && <Failure error={checked.error} onRetry={() => void checked.refetch()} />}
      {checked.isPending && <Loading rows={2} />}
      {checked.data && changes.length === 0 && (
        <Empty>Yes: nothing that a consumer could rely on is changed. Compared in {formatDuration(durationMs)}.</Empty>
      )}
      <ul className="verdicts alerts">
        {changes.map((change) => (
          <ChangeRow key={`${change.path} ${change.message}`} change={change} />
        ))}
      </ul>
    </Card>
  );
}

function ChangeRow({ change: { message, path, rule, verdict, consumers } }: { readonly change: ContractChange }) {
  const [label, tone] = VERDICTS[verdict] ?? VERDICTS[ChangeVerdict.UNSPECIFIED];
  return (
    <li className={tone}>
      <Badge tone={tone}>{label}</Badge>
      <div>
        <p>{message}</p>
        <p className="muted small-text">
          {path} · {rule}
        </p>
        <p className={consumers.length > 0 ? 'bad-text' : 'muted'}>
          {consumers.length > 0 ? `Used by ${consumers.join(', ')}.` : 'No consumer uses it.'}
        </p>
      </div>
    </li>
  );
}

// Whether each provider honours what its consumers rely on, as the contract tests last found it in this working tree.
import { useVerifications } from '../console-http.ts';
import { formatAge } from '../model/times.ts';
import { shortName } from '../model/usage-matrix.ts';
import { describePair, needsVerification, summarisePairs, type VerifiedPair } from '../model/verifications.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { useNow } from '../use-now.ts';

export function Verifications() {
  const { data, error, isPending, refetch } = useVerifications();
  const pairs = data?.pairs ?? [];
  const { label, tone } = summarisePairs(pairs);
  return (
    <Card title="Verification" aside={pairs.length > 0 && <Badge tone={tone}>{label}</Badge>}>
      <p className="muted">
        Whether each provider honours what its consumers rely on, when the contract tests last ran in this working tree.
      </p>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={4} />}
      {data && pairs.length === 0 && <Empty>This console was given no contracts (CONSOLE_CONTRACTS_DIR).</Empty>}
      {needsVerification(pairs) && (
        <p className="notice">
          <span>
            Not all is verified in this working tree: run <code>make test-contract</code>.
          </span>
        </p>
      )}
      <ul className="verdicts alerts">
        {pairs.map((pair) => (
          <PairRow key={`${pair.consumer} ${pair.provider}`} pair={pair} />
        ))}
      </ul>
    </Card>
  );
}

function PairRow({ pair }: { readonly pair: VerifiedPair }) {
  const now = useNow(10_000);
  const { consumer, provider, interactions, honoured, broken, time } = pair;
  const { label, tone } = describePair(pair);
  const age = time === null ? '' : formatAge({ seconds: BigInt(Math.floor(Date.parse(time) / 1_000)), nanos: 0 }, now);
  return (
    <li className={tone} data-pair={`${shortName(consumer)} ${shortName(provider)}`} data-evidence={pair.evidence}>
      <Badge tone={tone}>{label}</Badge>
      <div>
        <strong>
          {shortName(consumer)} relies on {shortName(provider)}
        </strong>
        <p className="muted small-text">
          {age === '' ? `${interactions} interactions` : `${honoured} of ${interactions} honoured ${age}`}
        </p>
        {broken.map((title) => (
          <p key={title} className="bad-text small-text">
            {title}
          </p>
        ))}
      </div>
    </li>
  );
}

// The feature flags of every service that has any, with the share of the subjects for whom each is on.
import { useQuery } from '@connectrpc/connect-query';
import type { FeatureFlag } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { formatPercentage } from '../model/flags.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { transportTo } from '../transports.ts';

/** The only service that evaluates flags. */
const SERVICE = 'order';

export function Flags() {
  const options = { transport: transportTo(SERVICE), refetchInterval: 1_500 };
  const { data, error, isPending, refetch } = useQuery(OpsService.method.getStatus, {}, options);
  const flags = data?.status?.flags ?? [];
  return (
    <Card title="Feature flags">
      <p className="muted">
        Read by the service of {SERVICE} twice a second from its flag file (<code>FLAG_FILE</code>): change the file to
        change a flag.
      </p>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={1} />}
      {data && flags.length === 0 && <Empty>No flags here: there are none, or a flagd serves them (FLAGD_URL).</Empty>}
      <ul className="flags">
        {flags.map((flag) => (
          <FlagRow key={flag.name} flag={flag} />
        ))}
      </ul>
    </Card>
  );
}

function FlagRow({ flag: { name, enabled, percentage, targeting } }: { readonly flag: FeatureFlag }) {
  return (
    <li data-flag={name}>
      <strong className="mono">{name}</strong>
      <svg className="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="8" />
        <rect width={percentage ?? 0} height="8" />
      </svg>
      <span>{formatPercentage(percentage)}</span>
      <Badge tone={enabled ? 'good' : 'quiet'}>{enabled ? 'enabled' : 'disabled'}</Badge>
      {targeting && <code className="muted small-text">{targeting}</code>}
    </li>
  );
}

// The alerts, judged live: those that fire first, and those whose rules are not understood last.
import { useAlerts } from '../console-http.ts';
import { type Alert, sortAlerts, summariseAlerts } from '../model/alerts.ts';
import type { Tone } from '../model/order-steps.ts';
import { formatDuration } from '../model/times.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';

const STATES: Readonly<Record<Alert['state'], readonly [label: string, tone: Tone]>> = {
  firing: ['firing', 'bad'],
  pending: ['pending', 'wait'],
  quiet: ['quiet', 'good'],
  not_judged: ['not judged', 'quiet'],
};

export function Alerts() {
  const { data, error, isPending, refetch } = useAlerts();
  const alerts = sortAlerts(data?.alerts ?? []);
  const { text, tone } = summariseAlerts(alerts);
  return (
    <Card title="Alerts" aside={alerts.length > 0 && <Badge tone={tone}>{text}</Badge>}>
      <p className="muted small-text">
        The rules of Prometheus, judged now by the metrics of all services, and by what this console has seen of them
        since it was started.
      </p>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={6} />}
      {data && alerts.length === 0 && <Empty>This console was given no alerting rules (CONSOLE_RULES_FILE).</Empty>}
      <ul className="verdicts alerts">
        {alerts.map((alert) => (
          <AlertRow key={alert.name} alert={alert} />
        ))}
      </ul>
    </Card>
  );
}

function AlertRow({
  alert: { name, severity, expression, action, state, holdMs, windowMs, knownMs, instances },
}: {
  readonly alert: Alert;
}) {
  const [label, tone] = STATES[state];
  return (
    <li className={tone} data-alert={name} data-state={state}>
      <Badge tone={tone}>{label}</Badge>
      <div>
        <strong>{name}</strong> <span className="muted small-text">{severity}</span>
        {instances.map(({ summary, firing, heldMs }) => (
          <p key={summary} className={firing ? 'bad-text' : 'muted'}>
            {summary}
            {!firing && ` (for ${formatDuration(heldMs)}; fires after ${formatDuration(holdMs)})`}
          </p>
        ))}
        {instances.length > 0 && <p className="muted small-text">{action}</p>}
        <p className="muted small-text mono">{expression}</p>
        {knownMs < windowMs && (
          <p className="muted small-text">
            By {formatDuration(knownMs)} of the {formatDuration(windowMs)} that it looks back.
          </p>
        )}
      </div>
    </li>
  );
}

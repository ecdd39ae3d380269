// The contracts: who uses which RPCs and events of whom, as the contract tests recorded it.
import { useState } from 'react';
import { useUsage } from '../console-http.ts';
import { counted, distinct, listUsage, type Usage } from '../model/usage-matrix.ts';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { TableFrame } from '../parts/table-frame.tsx';
import { ContractChanges } from './contract-changes.tsx';
import { Verifications } from './verifications.tsx';

export function ContractsView({ local }: { readonly local: boolean }) {
  const usage = useUsage();
  const found = listUsage(usage.data?.files ?? []);
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Contracts</h1>
          <p className="muted">
            Who relies on whom, as the contract tests recorded it. Choose a cell to see what is used.
          </p>
        </div>
      </div>
      {usage.error && <Failure error={usage.error} onRetry={() => void usage.refetch()} />}
      {usage.isPending && <Loading rows={6} />}
      {usage.data && found.length === 0 && <Empty>This console was given no usage files (CONSOLE_USAGE_DIR).</Empty>}
      {found.length > 0 && <Matrix usage={found} />}
      <Verifications />
      {local && <ContractChanges />}
    </>
  );
}

function Matrix({ usage }: { readonly usage: readonly Usage[] }) {
  const [chosen, setChosen] = useState(usage.find(({ consumer }) => consumer === 'order') ?? usage[0]);
  const consumers = distinct(usage.map(({ consumer }) => consumer));
  const providers = distinct(usage.map(({ provider }) => provider));
  return (
    <div className="columns">
      <Card title="Usage" className="span-2">
        <TableFrame label="Table of usage">
          <table className="table matrix">
            <thead>
              <tr>
                <th scope="col">uses</th>
                {providers.map((provider) => (
                  <th key={provider} scope="col">
                    {provider}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {consumers.map((consumer) => (
                <tr key={consumer}>
                  <th scope="row">{consumer}</th>
                  {providers.map((provider) => {
                    const cell = usage.find((one) => one.consumer === consumer && one.provider === provider);
                    return <MatrixCell key={provider} cell={cell} isChosen={cell === chosen} onChoose={setChosen} />;
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      </Card>
      {chosen && <UsageDetail usage={chosen} />}
    </div>
  );
}

type MatrixCellProps = {
  readonly cell: Usage | undefined;
  readonly isChosen: boolean;
  readonly onChoose: (cell: Usage) => void;
};

function MatrixCell({ cell, isChosen, onChoose }: MatrixCellProps) {
  if (cell === undefined) return <td className="muted">–</td>;
  const parts = [
    ...(cell.rpcs.length > 0 ? [counted(cell.rpcs.length, 'RPC')] : []),
    ...(cell.events.length > 0 ? [counted(cell.events.length, 'event')] : []),
  ];
  return (
    <td>
      <button type="button" className="cell" aria-pressed={isChosen} onClick={() => onChoose(cell)}>
        {parts.join(', ')}
        <span className="muted">{counted(cell.fields, 'field')}</span>
      </button>
    </td>
  );
}

function UsageDetail({ usage: { consumer, provider, rpcs, events, fields, tests } }: { readonly usage: Usage }) {
  return (
    <Card title={`${consumer} uses ${provider}`} className="span-2">
      <p className="muted">
        {counted(fields, 'field')}, stated by {counted(tests, 'test')}.
      </p>
      {rpcs.length > 0 && <Names title="RPCs" names={rpcs} />}
      {events.length > 0 && <Names title="Events" names={events} />}
    </Card>
  );
}

function Names({ title, names }: { readonly title: string; readonly names: readonly string[] }) {
  return (
    <>
      <h3>{title}</h3>
      <ul className="names">
        {names.map((name) => (
          <li key={name}>{name}</li>
        ))}
      </ul>
    </>
  );
}

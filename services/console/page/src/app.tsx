// The frame of the page: navigation, the state of the connection, and the view that the address names.
import { type ReactNode, useEffect, useRef } from 'react';
import { useSession } from './console-http.ts';
import { addressOf, type View } from './model/routes.ts';
import { ConnectionNotice } from './parts/connection-notice.tsx';
import { ErrorBoundary } from './parts/error-boundary.tsx';
import { SignedIn, SignIn } from './parts/sign-in.tsx';
import { TrafficSwitch } from './parts/traffic-switch.tsx';
import { useRoute } from './use-route.ts';
import { ContractsView } from './views/contracts-view.tsx';
import { MapView } from './views/map-view.tsx';
import { OperateView } from './views/operate-view.tsx';
import { OrderView } from './views/order/order-view.tsx';
import { OrdersView } from './views/orders-view.tsx';
import { ProofView } from './views/proof-view.tsx';
import { SalesView } from './views/sales-view.tsx';
import { ShopView } from './views/shop-view.tsx';

const NAMES: Readonly<Record<View, string>> = {
  shop: 'Shop',
  orders: 'Orders',
  map: 'Map',
  proof: 'Proof',
  operate: 'Operate',
  sales: 'Sales',
  contracts: 'Contracts',
};

export function App() {
  const { view, id } = useRoute();
  const session = useSession();
  const main = useRef<HTMLElement>(null);
  const known = useRef(view);
  useEffect(() => {
    document.title = `${NAMES[view]} · Touchstone`;
    // A new view is read from its beginning, also by a screen reader.
    if (known.current !== view) main.current?.focus();
    known.current = view;
  }, [view]);
  const local = session.data?.localControl === true;
  // Until it is known, the view is read at once: most consoles let it, and a first sight has no time to lose.
  const isSignedOut = session.data?.signInNeeded === true && session.data.caller === null;
  return (
    <div className="frame">
      <a className="skip" href={`${addressOf({ view, id })}`} onClick={() => main.current?.focus()}>
        Skip to the content
      </a>
      <Navigation view={view} aside={local && <TrafficSwitch />} foot={<SignedIn session={session.data} />} />
      <main ref={main} className="main" tabIndex={-1}>
        <ConnectionNotice error={session.error} />
        {isSignedOut && <SignIn onDone={() => void session.refetch()} />}
        {!isSignedOut && (
          <ErrorBoundary key={view}>
            <ViewOf view={view} id={id} local={local} />
          </ErrorBoundary>
        )}
      </main>
    </div>
  );
}

function Navigation({
  view,
  aside,
  foot,
}: {
  readonly view: View;
  readonly aside: ReactNode;
  readonly foot: ReactNode;
}) {
  return (
    <header className="side">
      <a className="brand" href={addressOf({ view: 'shop' })}>
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>Touchstone</span>
      </a>
      <nav className="nav" aria-label="Views">
        {(Object.keys(NAMES) as View[]).map((name) => (
          <a key={name} href={addressOf({ view: name })} aria-current={name === view ? 'page' : undefined}>
            {NAMES[name]}
          </a>
        ))}
      </nav>
      {aside}
      {foot}
    </header>
  );
}

function ViewOf({
  view,
  id,
  local,
}: {
  readonly view: View;
  readonly id?: string | undefined;
  readonly local: boolean;
}) {
  switch (view) {
    case 'shop':
      return <ShopView />;
    case 'orders':
      return id === undefined ? <OrdersView /> : <OrderView orderId={id} local={local} />;
    case 'map':
      return <MapView local={local} />;
    case 'proof':
      return <ProofView local={local} />;
    case 'operate':
      return <OperateView local={local} />;
    case 'sales':
      return <SalesView />;
    case 'contracts':
      return <ContractsView local={local} />;
  }
}

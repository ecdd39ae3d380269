// The entry point of the page.
import { TransportProvider } from '@connectrpc/connect-query';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import './style/base.css';
import './style/forms.css';
import './style/map.css';
import './style/order.css';
import './style/parts.css';
import './style/shop.css';
import './style/views.css';
import { transport } from './transports.ts';

const queries = new QueryClient({
  // What is shown is repeated every second or so: a failed read is followed by the next.
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: true } },
});
const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </TransportProvider>
  </StrictMode>,
);

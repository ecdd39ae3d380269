// The settings of the import rules. The check reports a pure file that is missing here.
import type { RuleSettings } from './rules.ts';

export const importRuleSettings: RuleSettings = {
  pureFiles: [
    'services/analytics/sales.ts',
    'services/inventory/catalogue.ts',
    'services/inventory/product.ts',
    'services/inventory/reservation.ts',
    'services/monitor/journey.ts',
    'services/notification/notification.ts',
    'services/order/order.ts',
    'services/order/pricing.ts',
    'services/order/saga-table.ts',
    'services/payment/charge.ts',
  ],
  openToPureFiles: [
    'services/platform/base/call-failure.ts',
    'services/platform/base/error-limits.ts',
    'services/platform/base/errors.ts',
    'services/platform/base/money.ts',
    'services/platform/identity/caller.ts',
    'services/platform/base/text.ts',
  ],
  neutralContracts: ['gen/google/', 'gen/shop/access/', 'gen/shop/common/', 'gen/shop/ops/'],
  plainFactories: [
    'services/platform/base/change-signal.ts',
    'services/platform/base/deadline.ts',
    'services/platform/messaging/event.ts',
    'services/platform/base/validation.ts',
    'services/platform/storage/batcher.ts',
    // A loop over its argument; nothing runs before service.ts starts it.
    'services/platform/base/worker.ts',
  ],
  clientFactories: {
    '@connectrpc/connect': ['createClient', 'createCallbackClient', '*'],
    '@connectrpc/connect-node': ['createConnectTransport', 'createGrpcTransport', 'createGrpcWebTransport', '*'],
    nats: ['connect', '*'],
    nodemailer: ['createTransport', 'default', '*'],
    pg: ['Client', 'Pool', 'default', '*'],
    pino: ['pino', 'default', '*'],
  },
  platformLayers: ['base', 'observability', 'identity', 'storage', 'messaging', 'client', 'server', 'flags', 'runtime'],
  mostFiles: { services: 25, packages: 25, local: 25, 'test/support': 25 },
  acyclicFolders: ['services', 'packages', 'local', 'test/support'],
  leastModules: {
    'services/analytics': 10,
    'services/platform': 20,
    'packages/rpc-server': 10,
    local: 15,
    'services/inventory': 10,
    'services/monitor': 10,
    'services/notification': 5,
    'services/order': 10,
    'services/payment': 8,
    test: 50,
  },
};

// All experiments, in the order in which `make chaos` runs them.
import { clockSkew } from './clock-skew.ts';
import { contractVersions } from './contract-versions.ts';
import { corruptedEvent } from './corrupted-event.ts';
import { cpuStarvation } from './cpu-starvation.ts';
import { diskFull } from './disk-full.ts';
import { inventoryDown } from './inventory-down.ts';
import { killAnalytics } from './kill-analytics.ts';
import { killInventory } from './kill-inventory.ts';
import { killMonitor } from './kill-monitor.ts';
import { killNotification } from './kill-notification.ts';
import { killOrder } from './kill-order.ts';
import { killPayment } from './kill-payment.ts';
import { memoryPressure } from './memory-pressure.ts';
import { natsDown } from './nats-down.ts';
import { packetLoss } from './packet-loss.ts';
import { partitionBothWays } from './partition-both-ways.ts';
import { partitionOneWay } from './partition-one-way.ts';
import { paymentSlow } from './payment-slow.ts';
import { postgresDown } from './postgres-down.ts';
import { providerErrors } from './provider-errors.ts';
import type { Experiment } from './runner/experiment.ts';
import { wrongCredentials } from './wrong-credentials.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  inventoryDown,
  paymentSlow,
  killOrder,
  killInventory,
  killPayment,
  killNotification,
  killAnalytics,
  killMonitor,
  packetLoss,
  partitionOneWay,
  partitionBothWays,
  natsDown,
  postgresDown,
  providerErrors,
  cpuStarvation,
  memoryPressure,
  clockSkew,
  corruptedEvent,
  contractVersions,
  wrongCredentials,
  diskFull,
];

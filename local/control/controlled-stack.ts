// The part of a running stack that its control port uses; local/stack provides it.
import type { BrokerAccess } from './broker/broker-access.ts';
import type { RememberedLine } from './log-memory.ts';

/** A process of the stack, as the supervisor sees it. */
export type ControlledProcess = {
  readonly name: string;
  readonly address: string;
  readonly pid: number | undefined;
  readonly health: 'healthy' | 'starting' | 'waiting' | 'stopped' | 'external';
  readonly restarts: number;
};

export type ControlledStack = {
  rows(): readonly ControlledProcess[];
  kill(process: string, signal: NodeJS.Signals): Promise<void>;
  stop(process: string): Promise<void>;
  start(process: string): Promise<void>;
  /** Overrides settings of a service from its next start on; undefined takes an override back. */
  configure(service: string, settings: Readonly<Record<string, string | undefined>>): void;
  /** The setting of a service as it would start now without overrides. */
  settingOf(service: string, setting: string): string | undefined;
  url(service: 'order' | 'inventory'): string;
  /** Issues a token of the console's operator that is accepted for an hour. */
  operatorToken(): Promise<string>;
  /** What the processes logged about an order, oldest first. */
  orderLog(orderId: string, limit: number): readonly RememberedLine[];
  /** The environment in which `make verify` finds this stack. */
  verifyEnvironment(): Readonly<Record<string, string>>;
  /** How every stream of the broker can be read. */
  brokerAccess(): Promise<BrokerAccess>;
  /** Whether the services send their spans to the control port. */
  readonly sendsSpans: boolean;
  /** The folder for the reports of chaos experiments. */
  readonly reportFolder: string;
  /** PEM of the authority of an `https` stack; undefined in cleartext. */
  authority(): Promise<string | undefined>;
};

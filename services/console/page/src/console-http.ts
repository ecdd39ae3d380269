// What the console itself answers, in plain HTTP.
import { useQuery } from '@tanstack/react-query';
import type { Alert } from './model/alerts.ts';
import type { Overview } from './model/overview.ts';
import type { UsageFile } from './model/usage-matrix.ts';
import type { VerifiedPair } from './model/verifications.ts';

export type Session = {
  readonly signInNeeded: boolean;
  /** Whether there is a local stack to break. */
  readonly localControl: boolean;
  readonly caller: { readonly kind: string; readonly name: string } | null;
};

/** The console answered, and says what is wrong. */
export class ConsoleError extends Error {
  override readonly name = 'ConsoleError';
}

async function read<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new ConsoleError(body.error ?? `the console answered ${response.status}`);
  return body;
}

/** Who the page acts for; read again and again, so it also tells whether the console answers. */
export function useSession() {
  return useQuery({
    queryKey: ['session'],
    queryFn: () => read<Session>('/console/session'),
    refetchInterval: 3_000,
    retry: false,
  });
}

/** The metrics of all services, every second. */
export function useOverview() {
  return useQuery({
    queryKey: ['overview'],
    queryFn: () => read<Overview>('/console/overview'),
    refetchInterval: 1_000,
    retry: false,
  });
}

/** The alerting rules, judged every two seconds. */
export function useAlerts() {
  return useQuery({
    queryKey: ['alerts'],
    queryFn: () => read<{ readonly alerts: readonly Alert[] }>('/console/alerts'),
    refetchInterval: 2_000,
    retry: false,
  });
}

/** The usage files of the contract tests. */
export function useUsage() {
  return useQuery({
    queryKey: ['usage'],
    queryFn: () => read<{ readonly files: readonly UsageFile[] }>('/console/usage'),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The last verification of each contract; another may be made while one looks. */
export function useVerifications() {
  return useQuery({
    queryKey: ['verifications'],
    queryFn: () => read<{ readonly pairs: readonly VerifiedPair[] }>('/console/verifications'),
    refetchInterval: 5_000,
    retry: false,
  });
}

/** Trades a token for the cookie of a session. Throws an Error that says why it is refused. */
export async function signIn(token: string): Promise<void> {
  const response = await fetch('/console/sign-in', { method: 'POST', body: token });
  if (response.ok) return;
  const { error } = (await response.json()) as { error?: string };
  throw new Error(error ?? `the console answered ${response.status}`);
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await fetch('/console/sign-out', { method: 'POST' });
}

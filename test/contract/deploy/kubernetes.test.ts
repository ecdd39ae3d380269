// The Kubernetes manifests against the code that they start: its names, ports, settings, probes and calls.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Deployment } from 'kubernetes-models/apps/v1';
import { Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Service } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { services } from '#local/shared/topology.ts';
import { loadConfig as loadAnalytics } from '#services/analytics/config.ts';
import { EVENT_FLOWS } from '#services/domain.ts';
import { loadConfig as loadInventory } from '#services/inventory/config.ts';
import { loadConfig as loadMigration } from '#services/migration/config.ts';
import { loadConfig as loadMonitor } from '#services/monitor/config.ts';
import { loadConfig as loadNotification } from '#services/notification/config.ts';
import { loadConfig as loadOrder } from '#services/order/config.ts';
import { loadConfig as loadPayment } from '#services/payment/config.ts';
import type { Environment } from '#services/platform/base/settings.ts';
import type { ServiceConfig } from '#services/platform/runtime/config.ts';
import { loadConfig as loadProvisioning } from '#services/provisioning/config.ts';
import {
  environmentOf,
  type Manifest,
  manifest,
  manifests,
  readDeployFile,
  sharedValues,
} from '../../support/deploy/manifests.ts';

const KINDS = { Deployment, Job, NetworkPolicy, PodDisruptionBudget, Service };
const LOADERS: Record<string, (environment: Environment) => ServiceConfig> = {
  order: loadOrder,
  inventory: loadInventory,
  payment: loadPayment,
  notification: loadNotification,
  analytics: loadAnalytics,
  monitor: loadMonitor,
};
/** Who calls whom, with the setting that has the address. */
const CALLS: Readonly<Record<string, readonly string[]>> = { order: ['inventory', 'payment'], monitor: ['order'] };
const STOP_LIMIT_S = 10;

/** Secrets as they look. */
const placeholderOf = (setting: string): string => {
  if (setting.endsWith('DATABASE_URL'))
    return 'postgres://role:secret@one:5432,two:5432/shop?target_session_attrs=read-write&sslmode=verify-full';
  if (setting.endsWith('NATS_URL')) return 'tls://user:secret@one:4222,tls://two:4222,tls://three:4222';
  if (setting === 'SMTP_URL') return 'smtp://mail.example:587';
  return setting.endsWith('_URL') ? 'https://provider.example' : 'a-secret-of-a-test';
};
const podOf = ({ spec }: Manifest) => spec.template.spec;
const containerOf = (found: Manifest) => podOf(found).containers[0];
const configOf = (name: string): ServiceConfig => {
  const environment = environmentOf(containerOf(manifest('Deployment', name)), placeholderOf, sharedValues);
  return LOADERS[name]!(environment);
};

it.each(manifests.map((found) => [`${found.kind} ${found.metadata.name}`, found] as const))(
  '%s is valid by the schema of Kubernetes',
  (_name, found) => {
    const Model = KINDS[found.kind as keyof typeof KINDS];

    expect(() => new Model(found as never).validate()).not.toThrow();
  },
);

describe.each(services.map(({ name, defaultPort }) => ({ name, defaultPort })))(
  'the deployment of $name',
  ({ name, defaultPort }) => {
    const deployment = manifest('Deployment', name);
    const container = containerOf(deployment);

    it('starts its program with settings that it accepts, and no others', () => {
      const page = readDeployFile('../docs/settings.md');

      expect(container.args).toEqual([`services/${name}/main.ts`]);
      expect(configOf(name)).toMatchObject({ host: '0.0.0.0', port: defaultPort, databaseConnections: 8 });
      for (const setting of Object.keys(environmentOf(container, placeholderOf, sharedValues)))
        expect(page).toContain(`\`${setting}\``);
    });

    it('listens where its probes and its service look, which resolves to every replica', () => {
      const { spec } = manifest('Service', name);

      expect(container.ports).toEqual([{ name: 'rpc', containerPort: defaultPort }]);
      expect(spec.ports).toEqual([{ name: 'rpc', port: defaultPort }]);
      expect(spec.clusterIP).toBe('None');
      expect(container.readinessProbe.httpGet).toEqual({ path: '/healthz', port: 'rpc', scheme: 'HTTPS' });
      // A database that is away makes replicas not ready; restarting them would not help.
      expect(container.livenessProbe.httpGet).toBeUndefined();
    });

    it('calls its dependencies where they listen, and by the network nothing else', () => {
      const called = CALLS[name] ?? [];
      const { spec } = manifest('NetworkPolicy', name);
      const peers = (spec.egress ?? []).flatMap(({ to = [] }) => to.map((peer) => peer.podSelector?.matchLabels));

      for (const dependency of called) {
        const port = services.find((service) => service.name === dependency)?.defaultPort;
        const setting = container.env.find((variable) => variable.name === `${dependency.toUpperCase()}_URL`);
        expect(setting?.value).toBe(`https://${dependency}:${port}`);
      }
      expect(peers).toEqual(called.map((dependency) => ({ 'app.kubernetes.io/name': dependency })));
      const callers = Object.keys(CALLS).filter((caller) => CALLS[caller]?.includes(name));
      const admitted = (spec.ingress ?? []).flatMap(({ from = [] }) => from.flatMap((peer) => peer.podSelector ?? []));
      expect(admitted).toEqual(callers.map((caller) => ({ matchLabels: { 'app.kubernetes.io/name': caller } })));
    });

    it('has two replicas, of which one stays, and time to stop', () => {
      const pod = podOf(deployment);

      expect(deployment.spec.replicas).toBe(2);
      expect(manifest('PodDisruptionBudget', name).spec.minAvailable).toBe(1);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
        container.lifecycle.preStop.sleep.seconds + STOP_LIMIT_S,
      );
    });

    it('has its secrets by reference alone', () => {
      const secrets = container.env.filter(({ name: setting }) =>
        /(_DATABASE_URL|NATS_URL|SMTP_URL|PROVIDER_URL|CREDENTIAL)$/.test(setting),
      );

      expect(secrets.length).toBeGreaterThanOrEqual(2);
      for (const { value, valueFrom } of secrets) {
        expect(value).toBeUndefined();
        expect(valueFrom?.secretKeyRef.name).toMatch(/^[a-z-]+$/);
      }
    });
  },
);

describe('every pod', () => {
  const pods = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job');

  it('runs as no root, with a read-only file system, without privileges and within limits', () => {
    for (const pod of pods.map(podOf)) {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(pod.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(pod.containers[0].resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    }
    expect(pods).toHaveLength(services.length + 2);
  });

  it('may reach nothing that is not allowed', () => {
    expect(manifest('NetworkPolicy', 'default-deny').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
  });
});

it('all replicas together fit a database server with its default of 100 connections, also during an update', () => {
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  const needed = deployments.reduce((sum, { metadata, spec }) => {
    const replicas = spec.replicas + spec.strategy.rollingUpdate.maxSurge;
    return sum + replicas * configOf(metadata.name).databaseConnections;
  }, 0);

  expect(needed).toBeLessThanOrEqual(97);
});

it('the jobs migrate the database of every service as its owner, and provision three replicas of every stream', () => {
  const [migration, provisioning] = ['migration', 'provisioning'].map((name) => containerOf(manifest('Job', name)));
  const migrated = loadMigration(environmentOf(migration!, placeholderOf));
  const { limits, tls } = loadProvisioning(environmentOf(provisioning!, placeholderOf));

  expect(migrated.map(({ service }) => service).toSorted()).toEqual(
    EVENT_FLOWS.map(({ service }) => service).toSorted(),
  );
  expect(limits.replicas).toBe(3);
  expect(tls).toEqual({ cert: '/tls/tls.crt', key: '/tls/tls.key', ca: '/tls/ca.crt' });
  for (const { args } of [migration!, provisioning!]) {
    const program = fileURLToPath(new URL(`../../../${args[0]}`, import.meta.url));
    expect(existsSync(program)).toBe(true);
  }
});

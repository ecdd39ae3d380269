// The Kubernetes manifests of deploy/, read as objects.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, parse as parseYaml } from 'yaml';

const FOLDER = fileURLToPath(new URL('../../../deploy/', import.meta.url));

export type EnvVar = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
};

export type Probe = { readonly httpGet?: { readonly path: string; readonly port: string; readonly scheme: string } };

export type Container = {
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: { readonly requests: object; readonly limits: object };
};

export type PodSpec = {
  readonly containers: readonly [Container];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly terminationGracePeriodSeconds: number;
};

type Peer = { readonly podSelector?: { readonly matchLabels: Readonly<Record<string, string>> } };
type Rule = {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { port: number }[];
};

/** The fields of any manifest here that the tests read. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly strategy: { readonly rollingUpdate: { readonly maxSurge: number } };
    readonly template: { readonly spec: PodSpec };
    readonly minAvailable: number;
    readonly clusterIP: string;
    readonly ports: readonly { readonly port: number }[];
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
};

export function readDeployFile(path: string): string {
  return readFileSync(`${FOLDER}${path}`, 'utf8');
}

function readYaml<Content>(path: string): Content {
  return parseYaml(readDeployFile(path)) as Content;
}

type Kustomization = {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly literals: readonly string[] }[];
};

const kustomization = readYaml<Kustomization>('kubernetes/kustomization.yaml');

/** The settings that every service gets. */
export const sharedValues: Readonly<Record<string, string>> = Object.fromEntries(
  kustomization.configMapGenerator.flatMap(({ literals }) => literals.map((literal) => literal.split(/=(.*)/s))),
);

/** Every manifest that is applied. */
export const manifests: readonly Manifest[] = kustomization.resources.flatMap((file) =>
  parseAllDocuments(readDeployFile(`kubernetes/${file}`)).map((document) => document.toJS() as Manifest),
);

/** @throws {Error} when there is no such manifest. */
export function manifest(kind: string, name: string): Manifest {
  const found = manifests.find((candidate) => candidate.kind === kind && candidate.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** The environment of a pod: secrets as `placeholders` has them by the setting's name. */
export function environmentOf(
  { env }: Container,
  placeholderOf: (setting: string) => string,
  shared: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { ...shared, ...Object.fromEntries(env.map(({ name, value }) => [name, value ?? placeholderOf(name)])) };
}

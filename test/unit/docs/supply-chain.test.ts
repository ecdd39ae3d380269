// What runs in CI and what the platform runs on: pinned, with few rights, and above the versions with known holes.
import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REPOSITORY, readPage } from './page.ts';

const workflows = globSync('.github/workflows/*.yml', { cwd: REPOSITORY });

describe.each(workflows)('%s', (file) => {
  const workflow = readPage(file);

  it('runs actions of a commit, and says of which version', () => {
    const uses = [...workflow.matchAll(/uses: (.+)$/gm)].map(([, action]) => action);

    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may read the repository, keeps no credentials for git and needs no secret', () => {
    expect(workflow).toMatch(/^permissions:( \{\}|\n {2}contents: read)$/m);
    expect(workflow).not.toContain('secrets.');
    const checkouts = workflow.match(/actions\/checkout@/g)?.length;
    expect(workflow.match(/persist-credentials: false/g)).toHaveLength(checkouts ?? 0);
    const rights = [...workflow.matchAll(/^ +([a-z-]+): write$/gm)].map(([, right]) => right);
    expect(rights).toEqual(file.endsWith('release.yml') ? ['id-token'] : []);
  });
});

it('publishes with provenance, after the checks, and lists the components', () => {
  const release = readPage('.github/workflows/release.yml');

  expect(release).toContain('npm publish --provenance --access public');
  expect(release).toContain('needs: check');
  expect(release).toContain('npm sbom --sbom-format cyclonedx');
});

/** The parts of a version such as 24.17.0, for comparison. */
const parts = (version: string) => version.split('.').map(Number);

function isAtLeast(version: string, minimum: string): boolean {
  const [have, want] = [parts(version), parts(minimum)];
  const index = want.findIndex((number, at) => number !== (have[at] ?? 0));
  return index < 0 || (have[index] ?? 0) > (want[index] ?? 0);
}

it('runs on versions of Node and nats-server above those with the advisories that docs/dependencies.md names', () => {
  const page = readPage('docs/dependencies.md');
  const [, node = ''] = /\| Node \| (\d+\.\d+\.\d+) \|/.exec(page) ?? [];
  const [, nats = ''] = /\| nats-server \| (\d+\.\d+\.\d+) \|/.exec(page) ?? [];
  const { engines } = JSON.parse(readPage('package.json')) as { engines: { node: string } };
  const [, pinned = ''] = /nats-server\/v2@v([\d.]+)/.exec(readPage('local/nats/install-nats-server.sh')) ?? [];

  expect(engines.node).toBe(`>=${node}`);
  expect(isAtLeast(readPage('.nvmrc').trim(), node)).toBe(true);
  expect(isAtLeast(pinned, nats)).toBe(true);
});

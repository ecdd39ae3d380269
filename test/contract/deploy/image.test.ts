// The Dockerfile against the repository: what it copies is in the build context. `make test-slow` carries it out.
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findMissingSources } from '../../support/deploy/image.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

it('every file that the image is built from exists, and is not left out of the build context', async () => {
  expect(await findMissingSources(`${ROOT}deploy/Dockerfile`, ROOT)).toEqual([]);
});

// The results of verifications as files that several verifications write to.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeVerification } from '../../../packages/kit/deployment/verification-results.ts';
import { type Check, createVerification } from '../../../packages/kit/verification/verification.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-results-'));
});
afterEach(() => rm(folder, { recursive: true }));

const PASSED: Check = { wire: 'gRPC, HTTP/2', differences: [], fault: undefined };
const DIFFERENT: Check = { ...PASSED, differences: [{ path: 'title', expected: '"Emma"', actual: '""' }] };
const FAULTY: Check = { ...PASSED, fault: 'state "a book is there": setting it up failed' };

function verified(consumer: string, title: string, ...checks: Check[]) {
  return createVerification([{ consumer, provider: 'Library', title, digest: `${consumer} ${title}`, checks }]);
}

async function readResults(): Promise<[consumer: string, title: string, isHonoured: boolean][]> {
  const { interactions } = JSON.parse(await readFile(join(folder, 'Library.json'), 'utf8'));
  return interactions.map(({ consumer, title, isHonoured }: Record<string, unknown>) => [consumer, title, isHonoured]);
}

describe('the file of results', () => {
  it('keeps those of other interactions, also of another consumer with the same title', async () => {
    await writeVerification(folder, verified('Reader', 'a question', PASSED));
    await writeVerification(folder, verified('Reader', 'a walk', PASSED));
    await writeVerification(folder, verified('Clerk', 'a question', DIFFERENT));

    expect(await readResults()).toEqual([
      ['Clerk', 'a question', false],
      ['Reader', 'a question', true],
      ['Reader', 'a walk', true],
    ]);
  });

  it('has the latest result of an interaction', async () => {
    await writeVerification(folder, verified('Reader', 'a question', PASSED));
    await writeVerification(folder, verified('Reader', 'a question', DIFFERENT));

    expect(await readResults()).toEqual([['Reader', 'a question', false]]);
  });

  it.each([
    { what: 'differs', check: DIFFERENT },
    { what: 'could not be made', check: FAULTY },
  ])('has an interaction as not honoured if one of its checks $what', async ({ check }) => {
    await writeVerification(folder, verified('Reader', 'a question', PASSED, check));

    expect(await readResults()).toEqual([['Reader', 'a question', false]]);
  });
});

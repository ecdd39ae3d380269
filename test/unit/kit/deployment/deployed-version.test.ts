// Tags as versions in an environment, without a repository.
import { describe, expect, it } from 'vitest';
import { fillIn, findDeployed, listDeployed } from '../../../../packages/kit/deployment/deployed-version.ts';
import type { GitRepository } from '../../../../packages/kit/deployment/git-repository.ts';

/** A repository that answers with these tags, and keeps the patterns that it was asked for. */
function repositoryWith(...tags: string[]): { repository: GitRepository; patterns: string[] } {
  const patterns: string[] = [];
  const repository = {
    tags: async (pattern: string) => {
      patterns.push(pattern);
      return tags;
    },
  };
  return { repository: repository as unknown as GitRepository, patterns };
}

describe('tags of an environment', () => {
  it('are searched by the name of the participant, and the first one counts', async () => {
    const { repository, patterns } = repositoryWith('prod/Stock-Room/v10', 'prod/Stock-Room/v9');

    expect(await findDeployed(repository, 'prod/{participant}/*', 'Stock Room')).toBe('prod/Stock-Room/v10');
    expect(await findDeployed(repositoryWith().repository, 'prod/{participant}', 'Order')).toBeUndefined();
    expect(patterns).toEqual(['prod/Stock-Room/*']);
  });

  it.each([
    {
      pattern: 'prod/{participant}/*',
      tags: ['prod/Order/v2', 'prod/Order/v1', 'prod/Stock/v9'],
      names: ['Order', 'Stock'],
    },
    { pattern: '{participant}-prod', tags: ['Order-prod', 'Stock-Room-prod'], names: ['Order', 'Stock-Room'] },
    { pattern: 'v?.{participant}.{participant}', tags: ['v1.Order.Order', 'v1.Order.Stock'], names: ['Order'] },
    { pattern: 'a+b/{participant}', tags: ['a+b/Order', 'aab/Stock'], names: ['Order'] },
    { pattern: 'release/*', tags: ['release/1'], names: undefined },
  ])('name the participants: $pattern', async ({ pattern, tags, names }) => {
    expect(await listDeployed(repositoryWith(...tags).repository, pattern)).toEqual(names);
  });

  it('fill the name of a participant into a path', () => {
    expect(fillIn('{participant}/image.binpb', 'Stock Room')).toBe('Stock-Room/image.binpb');
  });
});

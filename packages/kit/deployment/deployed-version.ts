// Which versions of the participants are in an environment: git tags say so.

import type { GitRepository } from './git-repository.ts';

/** Stands for the name of a participant in a pattern of tags. */
const PARTICIPANT = '{participant}';

/**
 * Returns the tag of the version of a participant that is in the environment: of the matching tags the one with the highest version.
 *
 * @param pattern a pattern of git's tags, such as `prod/{participant}/*`; without `{participant}`, a tag is of all participants.
 */
export async function findDeployed(
  repository: GitRepository,
  pattern: string,
  participant: string,
): Promise<string | undefined> {
  const [highest] = await repository.tags(fillIn(pattern, participant));
  return highest;
}

/** Returns the participants that have a tag in the environment; `undefined` if its tags do not name any. */
export async function listDeployed(repository: GitRepository, pattern: string): Promise<string[] | undefined> {
  if (!pattern.includes(PARTICIPANT)) return undefined;
  const name = toExpression(pattern);
  const tags = await repository.tags(pattern.replaceAll(PARTICIPANT, '*'));
  return [...new Set(tags.flatMap((tag) => name.exec(tag)?.[1] ?? []))];
}

/** Returns a pattern, or a path, for one participant. A tag has no spaces. */
export function fillIn(pattern: string, participant: string): string {
  return pattern.replaceAll(PARTICIPANT, tagNameOf(participant));
}

/** Returns the name of a participant in tags. */
export function tagNameOf(participant: string): string {
  return participant.replaceAll(' ', '-');
}

function toExpression(pattern: string): RegExp {
  const [before = '', ...after] = pattern.split(PARTICIPANT);
  const literal = (text: string) =>
    text
      .replaceAll(/[.+^$()|[\]{}\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
  return new RegExp(`^${literal(before)}([^/]+)${after.map(literal).join('\\1')}$`);
}

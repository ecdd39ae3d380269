// Files and tags of a git repository, read by `git` at any of its commits without checking them out.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DeploymentError } from './deployment-error.ts';

export type GitRepository = {
  /** Returns the tags that match a pattern of git, the highest version first. */
  tags(pattern: string): Promise<string[]>;
  /** Returns the hash of the commit that a branch, tag or commit names. */
  commitOf(ref: string): Promise<string>;
  /** Returns the paths of the files below a path at a commit; none if there is nothing. */
  files(commit: string, path: string): Promise<string[]>;
  /** Returns a file at a commit; `undefined` if there is none. */
  read(commit: string, path: string): Promise<Buffer | undefined>;
};

const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Returns the repository that a folder is in. Paths are relative to the folder. Each function throws a DeploymentError. */
export function openRepository(directory: string): GitRepository {
  async function git(...args: string[]): Promise<Buffer> {
    try {
      const options = { encoding: 'buffer', maxBuffer: MAX_FILE_BYTES } as const;
      const { stdout } = await promisify(execFile)('git', ['-C', directory, ...args], options);
      return stdout;
    } catch (error) {
      const { stderr, message, code } = error as { stderr?: Buffer; message: string; code?: string };
      if (code === 'ENOENT') throw new DeploymentError('git is not installed', { cause: error });
      const [line = ''] = String(stderr ?? '')
        .trim()
        .split('\n');
      throw new DeploymentError(`${directory}: ${line.replace(/^(fatal|error): /, '') || message}`, { cause: error });
    }
  }
  const linesOf = (output: Buffer, separator: string) => output.toString().split(separator).filter(Boolean);
  return {
    tags: async (pattern) => linesOf(await git('tag', '--list', '--sort=-version:refname', '--', pattern), '\n'),
    commitOf: async (ref) =>
      (
        await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`)
          .then(String)
          .catch((error: unknown) => {
            throw error instanceof DeploymentError && !/not installed|not a git/.test(error.message)
              ? new DeploymentError(`${directory}: there is no commit "${ref}"`, { cause: error })
              : error;
          })
      ).trim(),
    files: async (commit, path) => linesOf(await git('ls-tree', '-r', '--name-only', '-z', commit, '--', path), '\0'),
    async read(commit, path) {
      const [found] = linesOf(await git('ls-tree', '--name-only', '-z', commit, '--', path), '\0');
      return found === undefined ? undefined : await git('show', `${commit}:./${path}`);
    },
  };
}

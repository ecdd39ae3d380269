// The account that runs PostgreSQL, which refuses to run as root. Under root, its programs run as the user `postgres`, which is
// created if necessary.
import { execFile } from 'node:child_process';
import { chown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const USER = 'postgres';

type Account = {
  readonly uid: number;
  readonly gid: number;
};

type Invocation = {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: { readonly uid?: number; readonly gid?: number };
};

/** The account that runs the database's programs and owns its files. */
export type DatabaseAccount = {
  /** Returns the command that starts a program under that account. */
  invoke(command: string, args: readonly string[]): Invocation;
  /** Makes that account the owner of a file or folder. */
  own(path: string): Promise<void>;
};

/**
 * Returns the current account, or `postgres` under root. `paths` are the programs and folders that the account must reach.
 * @throws {Error} when the user `postgres` does not exist and cannot be created.
 */
export async function findDatabaseAccount(paths: readonly string[]): Promise<DatabaseAccount> {
  if (userInfo().uid !== 0) {
    return { invoke: (command, args) => ({ command, args, options: {} }), own: async () => undefined };
  }
  const account = (await lookUpAccount()) ?? (await createAccount());
  const closed = await findClosedFolder(paths, account);
  if (closed !== undefined) await assertSetpriv(closed);
  return {
    invoke: (command, args) =>
      closed === undefined ? { command, args, options: account } : invokeWithCapability(account, command, args),
    own: (path) => chown(path, account.uid, account.gid),
  };
}

async function lookUpAccount(): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', USER]), run('id', ['-g', USER])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    // `id` ends with 1 for a user it does not know.
    if (error instanceof Error && 'code' in error && error.code === 1) return undefined;
    throw error;
  }
}

async function createAccount(): Promise<Account> {
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER]);
  } catch (cause) {
    throw new Error(`Postgres does not run as root, and the user ${USER} could not be created: run as another user`, {
      cause,
    });
  }
  const account = await lookUpAccount();
  if (account === undefined) throw new Error(`the user ${USER} was created but cannot be found`);
  return account;
}

/** The outermost folder above one of the paths that the account may not enter. */
async function findClosedFolder(paths: readonly string[], account: Account): Promise<string | undefined> {
  for (const path of paths) {
    for (const folder of ancestors(path)) {
      const { mode, uid, gid } = await stat(folder);
      const shared = gid === account.gid ? 0o010 : 0o001;
      if ((mode & (uid === account.uid ? 0o100 : shared)) === 0) return folder;
    }
  }
  return undefined;
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestors(parent), parent];
}

/** For a checkout below /root: root grants the account a capability that opens folders closed to it. */
function invokeWithCapability({ uid, gid }: Account, command: string, args: readonly string[]): Invocation {
  // Without this bit, access(2) would ignore the capability, and initdb would not find the other programs in its folder.
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { command: 'setpriv', args: [...identity, ...capability, command, ...args], options: {} };
}

async function assertSetpriv(closed: string): Promise<void> {
  try {
    await run('setpriv', ['--version']);
  } catch (cause) {
    throw new Error(
      `Postgres does not run as root, and the user ${USER} may not enter ${closed}: open that folder, or run as another user`,
      { cause },
    );
  }
}

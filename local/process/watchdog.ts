// The watchdog that keeps child processes from outliving this process, even after SIGKILL. A small shell process reads from a
// pipe that only this process holds open for writing; when the kernel closes it, the shell kills the registered processes.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

const ORPHAN_GRACE_MS = 5_000;
const MAX_REPLACEMENTS = 5;
const MAX_DESCRIPTORS = 9;

// `+<entry>` registers, `-<entry>` unregisters; the arguments are registered from the start. Entries are `process <SIGNAL> <pid>` and
// `directory <path>`. Directories are removed last: a database that is still stopping would write into them again. Zombies (state Z)
// are not waited for: a slow init may reap them late.
const WATCHDOG_SCRIPT = `
trap '' HUP INT QUIT TERM
while IFS= read -r line; do
  entry=\${line#?}
  case $line in
    +*) set -- "$@" "$entry" ;;
    -*) count=$#
        while [ "$count" -gt 0 ]; do
          [ "$1" = "$entry" ] || set -- "$@" "$1"
          shift
          count=$((count - 1))
        done ;;
  esac
done
ask_to_stop() {
  for entry do
    case $entry in
      process\\ KILL\\ *) ;;
      process\\ *) own=\${entry#process }; kill -s "\${own%% *}" -- "\${entry##* }" 2>/dev/null ;;
    esac
  done
}
kill_all() {
  chosen=$1; shift
  for entry do
    case $entry in "process $chosen"*) kill -s KILL -- "-\${entry##* }" 2>/dev/null ;; esac
  done
}
any_leader_alive() {
  for entry do
    case $entry in process\\ *)
      kill -s 0 -- "\${entry##* }" 2>/dev/null || continue
      state=; read -r state 2>/dev/null <"/proc/\${entry##* }/stat"
      case \${state##*\\) } in Z*) ;; *) return 0 ;; esac ;;
    esac
  done
  return 1
}
kill_all KILL "$@"
ask_to_stop "$@"
tries=0
while [ "$tries" -lt ${ORPHAN_GRACE_MS / 100} ] && any_leader_alive "$@"; do
  sleep 0.1
  tries=$((tries + 1))
done
kill_all '' "$@"
for entry do
  case $entry in directory\\ *)
    tries=0
    until rm -rf -- "\${entry#directory }" 2>/dev/null || [ "$tries" -ge 20 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done ;;
  esac
done
`;

// Registers its pid before `exec`: if this process died in between, an unregistered command would survive.
const GUARDED_SCRIPT = 'echo "+process $2 $$" >&"$1"; descriptor=$1; shift 2; eval "exec \\"\\$@\\" $descriptor>&-"';

type Watchdog = {
  readonly process: ChildProcess;
  readonly pipe: Writable;
};

const entries = new Set<string>();
let watchdog: Watchdog | undefined;
let replacements = 0;

export type GuardedSpawnOptions = Omit<SpawnOptions, 'detached' | 'shell'> & {
  /**
   * The signal the command receives when this process has died. Its group is killed once the command has ended, after 5 s at
   * the latest. The default, SIGKILL, kills the whole group immediately.
   */
  readonly orphanSignal?: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
};

/**
 * Spawns a command in its own process group. When this process dies, a separate watchdog process kills the whole group; when
 * the command ends, the rest of its group is killed.
 *
 * Takes what `child_process.spawn` takes, without `shell` and `detached`. Returns the child; its pid is the command's own pid
 * and its group's id. A command that does not exist ends with exit code 127 and a line on stderr, not with an 'error' event.
 * A Ctrl-C in the terminal does not reach it: the caller stops it with `stopGuarded`.
 * @throws {Error} when `stdio` has more descriptors than the watchdog's shell script can pass on.
 */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  { orphanSignal = 'SIGKILL', ...options }: GuardedSpawnOptions = {},
): ChildProcess {
  const { pipe } = ensureWatchdog();
  const given = options.stdio ?? 'pipe';
  const stdio = typeof given === 'string' ? [given, given, given] : [...given];
  while (stdio.length < 3) stdio.push('pipe');
  const descriptor = stdio.length;
  if (descriptor > MAX_DESCRIPTORS) throw new Error(`stdio: at most ${MAX_DESCRIPTORS} descriptors can be guarded`);
  stdio.push(pipe);

  const signal = orphanSignal.slice('SIG'.length);
  const child = spawn('/bin/sh', ['-c', GUARDED_SCRIPT, 'sh', String(descriptor), signal, command, ...args], {
    ...options,
    stdio,
    detached: true,
  });
  if (child.pid === undefined) return child;
  const entry = `process ${signal} ${child.pid}`;
  entries.add(entry);
  child.once('exit', () => {
    signalGroup(child, 'SIGKILL');
    unregister(entry);
  });
  return child;
}

/**
 * Sends a signal to the process group of a guarded child.
 * Returns false when no process of the group exists.
 */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch (error) {
    // Some systems answer EPERM for a group of which only zombies are left.
    if (isSystemError(error) && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

/**
 * Stops a guarded child: sends it `signal` (default SIGTERM), and SIGKILL to its group after `graceMs` (default 10,000).
 * Resolves when it has ended.
 */
export async function stopGuarded(
  child: ChildProcess,
  { signal = 'SIGTERM', graceMs = 10_000 }: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Whether a child has ended, by itself or by a signal. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export type GuardedDirectory = AsyncDisposable & {
  readonly path: string;
};

/**
 * Creates a private temporary directory named `<prefix>-<random>`. Disposing it removes it; when this process dies first, the
 * watchdog removes it after the guarded processes have ended.
 * @throws {Error} when the prefix holds other characters than lower-case letters, digits and hyphens.
 */
export async function createGuardedDirectory(prefix: string): Promise<GuardedDirectory> {
  if (!/^[a-z0-9-]+$/.test(prefix)) throw new Error('prefix: only lower-case letters, digits and hyphens');
  const path = join(tmpdir(), `${prefix}-${randomBytes(8).toString('hex')}`);
  if (!path.startsWith('/') || path.includes('\n')) throw new Error(`temporary directory ${path} cannot be guarded`);
  const entry = `directory ${path}`;
  register(entry);
  await mkdir(path, { mode: 0o700 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
      unregister(entry);
    },
  };
}

function ensureWatchdog(): Watchdog {
  if (watchdog !== undefined) return watchdog;
  // It has the entries from its start: this process may die before it writes anything.
  const child = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, 'touchstone-watchdog', ...entries], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const started: Watchdog = { process: child, pipe: child.stdin };
  watchdog = started;
  child.once('error', () => replaceWatchdog(started));
  child.once('exit', () => replaceWatchdog(started));
  // A broken pipe means that the watchdog has ended.
  child.stdin.on('error', () => replaceWatchdog(started));
  child.unref();
  return started;
}

/** Starts a new watchdog when the current one was killed: without it the registered processes would be unguarded. */
function replaceWatchdog(ended: Watchdog): void {
  if (watchdog !== ended) return;
  watchdog = undefined;
  replacements += 1;
  if (replacements > MAX_REPLACEMENTS) throw new Error(`the watchdog process was ended ${MAX_REPLACEMENTS} times`);
  if (entries.size > 0) ensureWatchdog();
}

function register(entry: string): void {
  const { pipe } = ensureWatchdog();
  entries.add(entry);
  pipe.write(`+${entry}\n`);
}

function unregister(entry: string): void {
  if (!entries.delete(entry) || watchdog === undefined) return;
  watchdog.pipe.write(`-${entry}\n`);
  if (entries.size > 0) return;
  // Nothing is left to guard: the watchdog ends, and the next registration starts another.
  watchdog.pipe.end();
  watchdog = undefined;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

// Makes sure that nothing this process starts outlives it, however it dies (SIGKILL included). One tiny shell process holds
// the read end of a pipe whose only lasting write end is ours; when the kernel closes it, the shell kills what is registered.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

const ORPHAN_GRACE_MS = 5_000;
const MAX_REPLACEMENTS = 5;
const MAX_DESCRIPTORS = 9;

// `+<entry>` registers, `-<entry>` withdraws; entries are `process <SIGNAL> <pid>` and `directory <path>`.
// Directories go last: a database that is still stopping would write into them again. A process that has ended but was
// not yet reaped (state Z, a slow init) is not waited for.
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

// Registers itself before it becomes the command: there is no moment at which it runs unguarded.
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
   * What the command is sent when our process has died; its whole group is killed when it has ended, but after 5 s at the
   * latest. Default SIGKILL: all of them at once.
   */
  readonly orphanSignal?: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
};

/**
 * Spawns a command in a process group of its own which cannot outlive this process: when we die, in whatever way, a separate
 * watchdog process kills the whole group. When the command itself ends, what is left of its group is killed too.
 *
 * Takes what `child_process.spawn` takes, without `shell` and `detached`. Returns the child; its pid is the command's own pid
 * and its group's id. A command that does not exist ends with exit code 127 and a line on stderr, not with an 'error' event.
 * A Ctrl-C in the terminal does not reach it: whoever spawned it stops it (see `stopGuarded`).
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
    withdraw(entry);
  });
  return child;
}

/**
 * Sends a signal to a guarded child and everything in its process group.
 * Returns false when nothing of the group is left.
 */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch (error) {
    // EPERM is what some systems answer for a group of which only unreaped processes are left.
    if (isSystemError(error) && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

/**
 * Stops a guarded child: sends it `signal` (default SIGTERM) and, when it has not ended after `graceMs` (default 10,000),
 * SIGKILLs its whole group. Resolves when it has ended; at once when it already had.
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
 * Makes a new, private temporary directory, named `<prefix>-<random>`, that is removed by its disposal or, when this process
 * dies before that, by the watchdog, after the guarded processes have ended.
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
      withdraw(entry);
    },
  };
}

function ensureWatchdog(): Watchdog {
  if (watchdog !== undefined) return watchdog;
  const child = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, 'touchstone-watchdog'], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const started: Watchdog = { process: child, pipe: child.stdin };
  watchdog = started;
  child.once('error', () => replaceWatchdog(started));
  child.once('exit', () => replaceWatchdog(started));
  // A broken pipe means that the watchdog ended, and that is handled above.
  child.stdin.on('error', () => replaceWatchdog(started));
  child.unref();
  for (const entry of entries) child.stdin.write(`+${entry}\n`);
  return started;
}

/** Somebody killed the watchdog: what is registered must not stay unguarded. */
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

function withdraw(entry: string): void {
  if (!entries.delete(entry) || watchdog === undefined) return;
  watchdog.pipe.write(`-${entry}\n`);
  if (entries.size > 0) return;
  // Nothing left to guard: the watchdog goes too, and comes back with the next need.
  watchdog.pipe.end();
  watchdog = undefined;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

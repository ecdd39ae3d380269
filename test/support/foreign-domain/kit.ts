// The program `kit` as the tests of the garage run it: the sources in this process, or an installed package as processes.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runCommandLine } from '#packages/kit/command-line/command-line.ts';
import { type EndedCommand, startKit } from '../kit-command.ts';

/** A command that serves. */
export type ServedCommand = {
  /** Its first line, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each command prints other fields.
  readonly ready: any;
  stop(): Promise<EndedCommand>;
};

export type Kit = {
  /** Runs a command to its end. */
  run(...args: string[]): Promise<EndedCommand>;
  /** Starts a command that serves, with `--json`. */
  serve(...args: string[]): Promise<ServedCommand>;
};

/** The sources, in this process. */
export const SOURCE_KIT: Kit = {
  run: (...args) => runInProcess(args, new Promise(() => undefined)),
  async serve(...args) {
    const stopping = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<string>();
    const ended = runInProcess([...args, '--json'], stopping.promise, ready.resolve);
    void ended.then(({ stderr }) => ready.reject(new Error(stderr)));
    return {
      ready: JSON.parse(await ready.promise),
      stop: () => {
        stopping.resolve();
        return ended;
      },
    };
  },
};

async function runInProcess(
  args: readonly string[],
  stopped: Promise<void>,
  onLine: (line: string) => void = () => undefined,
): Promise<EndedCommand> {
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(args, {
    version: '1.2.3',
    environment: process.env,
    awaitStop: () => stopped,
    hasInput: false,
    readInput: async () => '',
    write: (line) => {
      out.push(line);
      onLine(line);
    },
    writeError: (line) => errors.push(line),
  });
  return { exitCode, stdout: out.join('\n'), stderr: errors.join('\n') };
}

/** The package that is installed in a folder, which is the current one of its processes. */
export function installedKit(folder: string, env: NodeJS.ProcessEnv): Kit {
  const program = `${folder}/node_modules/.bin/kit`;
  return {
    async run(...args) {
      try {
        const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: folder, env });
        return { exitCode: 0, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { exitCode: code, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
      }
    },
    async serve(...args) {
      const { ready, stop } = await startKit(args, program);
      return { ready, stop: () => stop() };
    },
  };
}

// The image of a Dockerfile as a plain folder, where there is no container engine: each instruction is carried out in a folder that stands
// for the stage's root. Programs of the base image are those of this machine.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, stat } from 'node:fs/promises';
import { basename, delimiter, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { USER_ENVIRONMENT } from '../kit/packed-kit.ts';
import { readIgnored } from './docker-ignore.ts';

/** What a container of the image starts with. */
export type Image = {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** As the Dockerfile has it, such as `1000:1000`. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
};

type Stage = { -readonly [Field in keyof Image]: Image[Field] };
type Instruction = { readonly line: string; readonly name: string; readonly rest: string };

const STEP_LIMIT_MS = 600_000;

/**
 * Builds the image below the folder `base`. Of the folder `context`, instructions see what `<dockerfile>.dockerignore` leaves.
 *
 * @throws {Error} an instruction fails, copies what is not there, or is not known here; the message has its line.
 */
export async function buildImage(dockerfile: string, context: string, base: string): Promise<Image> {
  const isIgnored = readIgnored(await readFile(`${dockerfile}.dockerignore`, 'utf8'));
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const instruction of parseInstructions(await readFile(dockerfile, 'utf8'))) {
    try {
      if (instruction.name === 'FROM') {
        const name = / AS (\S+)$/i.exec(instruction.rest)?.[1] ?? 'final';
        stage = await startStage(join(base, name));
        stages.set(name, stage);
      } else if (stage === undefined) throw new Error('there is no FROM before it');
      else if (instruction.name === 'COPY') await copy(instruction.rest, stage, { stages, context, isIgnored });
      else await apply(instruction, stage);
    } catch (error) {
      const { message, stderr = '' } = error as { message: string; stderr?: string };
      throw new Error(`${instruction.line}: ${message.slice(0, 1_000)}\n${stderr.slice(0, 2_000)}`, { cause: error });
    }
  }
  if (stage === undefined) throw new Error(`${dockerfile} has no FROM`);
  return stage;
}

/** The paths that the Dockerfile copies from the folder `context` and that are not there, or that its `.dockerignore` leaves out. */
export async function findMissingSources(dockerfile: string, context: string): Promise<string[]> {
  const isIgnored = readIgnored(await readFile(`${dockerfile}.dockerignore`, 'utf8'));
  const copies = parseInstructions(await readFile(dockerfile, 'utf8')).filter(({ name }) => name === 'COPY');
  return copies
    .filter(({ rest }) => !rest.startsWith('--from='))
    .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1))
    .filter((source) => isIgnored(source) || !existsSync(join(context, source)));
}

function parseInstructions(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { line, name: name.toUpperCase(), rest };
    });
}

async function startStage(root: string): Promise<Stage> {
  await mkdir(root, { recursive: true });
  return { root, workingDirectory: '/', environment: {}, user: '0:0', entrypoint: [], command: [] };
}

async function apply({ name, rest }: Instruction, stage: Stage): Promise<void> {
  switch (name) {
    case 'WORKDIR':
      stage.workingDirectory = join(stage.workingDirectory, rest);
      await mkdir(pathIn(stage, '.'), { recursive: true });
      break;
    case 'RUN':
      await run(rest, stage);
      break;
    case 'ENV':
      stage.environment = {
        ...stage.environment,
        ...Object.fromEntries(rest.split(/\s+/).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])),
      };
      break;
    case 'USER':
      stage.user = rest;
      break;
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest) as string[];
      break;
    case 'CMD':
      stage.command = JSON.parse(rest) as string[];
      break;
    default:
      throw new Error(`${name} is not known here`);
  }
}

/** The path that stands for one of the stage; a relative one is of its working directory. */
function pathIn({ root, workingDirectory }: Stage, path: string): string {
  return join(root, path.startsWith('/') ? path : join(workingDirectory, path));
}

async function run(command: string, stage: Stage): Promise<void> {
  // Without the programs of this repository's packages: the stage has to have installed its own.
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => basename(folder) !== '.bin');
  await promisify(execFile)('/bin/sh', ['-c', command], {
    cwd: pathIn(stage, '.'),
    env: { ...USER_ENVIRONMENT, npm_config_prefer_offline: 'true', ...stage.environment, PATH: path.join(delimiter) },
    timeout: STEP_LIMIT_MS,
    maxBuffer: 64 * 1_048_576,
  });
}

type Sources = {
  readonly stages: ReadonlyMap<string, Stage>;
  readonly context: string;
  readonly isIgnored: (path: string) => boolean;
};

async function copy(rest: string, stage: Stage, { stages, context, isIgnored }: Sources): Promise<void> {
  const [, from, paths = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest) ?? [];
  const sources = paths.split(/\s+/);
  const destination = sources.pop() ?? '';
  const origin = from === undefined ? undefined : stages.get(from);
  if (from !== undefined && origin === undefined) throw new Error(`there is no stage ${from}`);
  for (const source of sources) {
    const path = origin === undefined ? join(context, source) : pathIn(origin, source);
    const isLeftOut = (each: string) => origin === undefined && isIgnored(relative(context, each));
    const found = isLeftOut(path) ? undefined : await stat(path).catch(() => undefined);
    if (found === undefined) throw new Error(`${source} is not in ${from ?? 'the build context'}`);
    const isInto = destination.endsWith('/') && !found.isDirectory();
    await cp(path, pathIn(stage, isInto ? join(destination, basename(source)) : destination), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (each) => !isLeftOut(each),
    });
  }
}

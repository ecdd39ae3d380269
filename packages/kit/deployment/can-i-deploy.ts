// Whether a version of a participant fits the versions of the others that are in an environment. Contracts, results of verifications and
// descriptors are read from git, each at the version that counts.

import { type ContractDocument, parseDocument } from '../contract-file/contract-document.ts';
import { fillIn, findDeployed, listDeployed, tagNameOf } from './deployed-version.ts';
import { DeploymentError } from './deployment-error.ts';
import { type Evidence, findProblem, readEvidence } from './evidence.ts';
import { type GitRepository, openRepository } from './git-repository.ts';

/** What is to be deployed, and where it is looked up. Paths are relative to the folder of a repository. */
export type CanIDeployOptions = {
  /** The participant, by its name in contracts. */
  readonly participant: string;
  /** Its version: a branch, tag or commit. Default `HEAD`. */
  readonly version?: string;
  /**
   * The tags of what is in the environment, as a pattern of git, such as `prod/{participant}/*`; of those of a participant the one with the
   * highest version counts. Without `{participant}`, a tag is of all participants.
   */
  readonly to: string;
  /** The folder of contract files, of consumers. Default `contracts`. */
  readonly contracts?: string;
  /** The folder of the results that `writeVerification` wrote, of providers. */
  readonly results?: string;
  /** The descriptor set of a provider, which may have `{participant}` in its path: then contracts have to fit its schema. */
  readonly descriptors?: string;
  /** Folders in the repositories of participants, by name. Those that it does not name are in the repository of the current folder. */
  readonly repositories?: Readonly<Record<string, string>>;
};

/** A participant at a version; without one if it is not in the environment. */
export type ParticipantVersion = {
  readonly name: string;
  readonly version: string | undefined;
};

/** A consumer and a provider that would meet in the environment. */
export type DeployedPair = {
  readonly consumer: ParticipantVersion;
  readonly provider: ParticipantVersion;
  readonly isHonoured: boolean;
  /** How many interactions the consumer relies on. */
  readonly interactions: number;
  /** The interactions that are not honoured, and why. */
  readonly problems: readonly { readonly interaction: string; readonly reason: string }[];
};

/** What came of all pairs. */
export type DeployReport = {
  readonly isDeployable: boolean;
  readonly pairs: readonly DeployedPair[];
};

/**
 * Checks a version of a participant against what is in an environment: as a consumer, that the versions of its providers there honour its
 * contracts; as a provider, that it honours the contracts of the versions of its consumers there.
 *
 * @throws {DeploymentError} naming an option that names nothing, a repository or a file; {ContractFileError} or {SchemaError} if a file
 *   cannot be read.
 */
export async function canIDeploy(options: CanIDeployOptions): Promise<DeployReport> {
  if (options.results === undefined && options.descriptors === undefined) {
    throw new DeploymentError(
      'results: or descriptors are required, without which nothing tells what a provider honours',
    );
  }
  const environment = new Environment(options);
  const { participant, version = 'HEAD' } = options;
  const candidate = { name: participant, version };
  const own = await environment.documentsAt(candidate);
  const consumed = own.filter(({ consumer }) => consumer.name === participant);
  const provided = (await environment.deployedDocuments()).filter(
    ({ document: { consumer, provider } }) => provider.name === participant && consumer.name !== participant,
  );
  const pairs: DeployedPair[] = [];
  for (const document of consumed) {
    const { name } = document.provider;
    const provider = name === participant ? candidate : { name, version: await environment.versionOf(name) };
    pairs.push(await environment.judge(document, candidate, provider));
  }
  for (const { consumer, document } of provided) pairs.push(await environment.judge(document, consumer, candidate));
  if (pairs.length === 0) throw new DeploymentError(environment.explainStranger(own));
  return { isDeployable: pairs.every(({ isHonoured }) => isHonoured), pairs };
}

class Environment {
  readonly #options: CanIDeployOptions;
  readonly #contracts: string;
  readonly #repositories = new Map<string, GitRepository>();

  constructor(options: CanIDeployOptions) {
    this.#options = options;
    this.#contracts = options.contracts ?? 'contracts';
  }

  #directoryOf(name: string): string {
    const { repositories = {} } = this.#options;
    return (Object.hasOwn(repositories, name) ? repositories[name] : undefined) ?? '.';
  }

  #repositoryOf(name: string): GitRepository {
    return this.#open(this.#directoryOf(name));
  }

  #open(directory: string): GitRepository {
    const repository = this.#repositories.get(directory) ?? openRepository(directory);
    this.#repositories.set(directory, repository);
    return repository;
  }

  versionOf(name: string): Promise<string | undefined> {
    return findDeployed(this.#repositoryOf(name), this.#options.to, name);
  }

  /** Returns the contracts of a version, of whatever parties. */
  documentsAt({ name, version = '' }: ParticipantVersion): Promise<ContractDocument[]> {
    return this.#readDocuments(this.#repositoryOf(name), version);
  }

  async #readDocuments(repository: GitRepository, version: string): Promise<ContractDocument[]> {
    const commit = await repository.commitOf(version);
    const files = await repository.files(commit, this.#contracts);
    const texts = files
      .filter((file) => file.endsWith('.json'))
      .map(async (file) => {
        const text = String(await repository.read(commit, file));
        return parseDocument(text, `${file} at ${version}`);
      });
    return await Promise.all(texts);
  }

  /** Returns the contracts of the consumers that are in the environment. */
  async deployedDocuments(): Promise<{ consumer: ParticipantVersion; document: ContractDocument }[]> {
    const { to, participant, repositories = {} } = this.#options;
    const found = new Map<string, { consumer: ParticipantVersion; document: ContractDocument }>();
    let hasTag = false;
    for (const directory of new Set([this.#directoryOf(participant), ...Object.values(repositories)])) {
      const repository = this.#open(directory);
      const names = await listDeployed(repository, to);
      for (const name of names ?? ['']) {
        const version = await findDeployed(repository, to, name);
        if (version === undefined) continue;
        hasTag = true;
        for (const document of await this.#readDocuments(repository, version)) {
          const consumer = document.consumer.name;
          if (names && tagNameOf(consumer) !== name) continue;
          const key = JSON.stringify([consumer, document.provider.name]);
          // Another repository may have kept tags of the time before the consumer moved to its own.
          if (found.has(key) && directory !== this.#directoryOf(consumer)) continue;
          found.set(key, { consumer: { name: consumer, version }, document });
        }
      }
    }
    if (!hasTag) throw new DeploymentError(`to: no tag matches "${to}"`);
    return [...found.values()];
  }

  async judge(
    document: ContractDocument,
    consumer: ParticipantVersion,
    provider: ParticipantVersion,
  ): Promise<DeployedPair> {
    const evidence = await this.#evidenceOf(provider);
    const problems = document.interactions.flatMap((json) => {
      const reason = evidence ? findProblem(json, evidence) : `${provider.name} is not in the environment`;
      return reason === undefined ? [] : [{ interaction: json.description, reason }];
    });
    const interactions = document.interactions.length;
    return { consumer, provider, isHonoured: problems.length === 0, interactions, problems };
  }

  async #evidenceOf({ name, version }: ParticipantVersion): Promise<Evidence | undefined> {
    if (version === undefined) return undefined;
    const repository = this.#repositoryOf(name);
    const commit = await repository.commitOf(version);
    const { results, descriptors } = this.#options;
    return await readEvidence(name, {
      version,
      results,
      descriptors: descriptors === undefined ? undefined : fillIn(descriptors, name),
      read: (path) => repository.read(commit, path),
    });
  }

  explainStranger(own: readonly ContractDocument[]): string {
    const { participant } = this.#options;
    const names = [...new Set(own.flatMap(({ consumer, provider }) => [consumer.name, provider.name]))].sort();
    const known = names.length === 0 ? `${this.#contracts} has no contract there` : `they name ${names.join(', ')}`;
    return `participant: no contract is between "${participant}" and another one in the environment; ${known}`;
  }
}

// Resources that are released together, the last one first. Node 22, which the kit supports, has no AsyncDisposableStack.

export class ResourceStack implements AsyncDisposable {
  #releases: (() => unknown)[] = [];

  /** Adds a resource, and returns it. */
  use<T extends Disposable>(resource: T): T {
    this.#releases.push(() => resource[Symbol.dispose]());
    return resource;
  }

  /** Adds a function that releases a resource. */
  defer(release: () => unknown): void {
    this.#releases.push(release);
  }

  /** Returns a stack with the resources of this one, which is empty then. */
  move(): ResourceStack {
    const moved = new ResourceStack();
    moved.#releases = this.#releases;
    this.#releases = [];
    return moved;
  }

  /**
   * Releases everything once, even where a release fails.
   *
   * @throws the first error of a release.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const release of this.#releases.splice(0).reverse()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

import { describe, expect, it } from 'vitest';
import { ResourceStack } from '../../../../packages/kit/base/resource-stack.ts';

function fill(stack: ResourceStack, released: string[], failing: readonly string[] = []): void {
  for (const name of ['first', 'second', 'third']) {
    stack.defer(() => {
      released.push(name);
      if (failing.includes(name)) throw new Error(name);
    });
  }
}

describe('a stack of resources', () => {
  it('releases the last one first, and each once', async () => {
    const released: string[] = [];
    const stack = new ResourceStack();
    fill(stack, released);

    await stack[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();

    expect(released).toEqual(['third', 'second', 'first']);
  });

  it('releases all where some cannot be released, and fails with the first failure', async () => {
    const released: string[] = [];
    const stack = new ResourceStack();
    fill(stack, released, ['third', 'first']);

    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('third');
    expect(released).toEqual(['third', 'second', 'first']);
  });

  it('leaves what was moved to the stack that it was moved to', async () => {
    const released: string[] = [];
    const stack = new ResourceStack();
    fill(stack, released);

    const moved = stack.move();
    await stack[Symbol.asyncDispose]();
    expect(released).toEqual([]);

    await moved[Symbol.asyncDispose]();
    expect(released).toHaveLength(3);
  });
});

// Whether a run has all tests: only then can it be judged as a whole.
import type { TestModule, Vitest } from 'vitest/node';
import { LEVELS } from './pyramid.ts';

/** Returns false for a run that was filtered by level, file, name or tag. */
export async function isWholeRun(vitest: Vitest, testModules: readonly TestModule[]): Promise<boolean> {
  if (vitest.config.testNamePattern || vitest.config.tagsFilter) return false;
  const projects = new Set(vitest.projects.map((project) => project.name));
  if (!LEVELS.every((level) => projects.has(level))) return false;
  return (await vitest.globTestSpecifications()).length === testModules.length;
}

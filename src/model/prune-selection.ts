// Says which templates a prune removes.
import { templateMaxBytes, templateUnusedForMs } from './limits.js';

/** What decides whether a template goes. */
export interface PrunableTemplate {
  readonly id: string;
  /** ISO 8601; one that cannot be understood counts as long ago. */
  readonly lastUsedAt: string;
  readonly sizeBytes: number;
  /** Whether pods would be cloned from it now. */
  readonly current: boolean;
}

export interface PruneLimits {
  readonly unusedForMs: number;
  readonly maxBytes: number;
  readonly all: boolean;
}

export const defaultPruneLimits: PruneLimits = {
  unusedForMs: templateUnusedForMs,
  maxBytes: templateMaxBytes,
  all: false,
};

/**
 * The ids of those that go, the longest unused first. The current one stays, whatever it takes, unless all go; what it takes counts.
 * @param now in milliseconds since 1970
 */
export function selectForPrune(
  templates: readonly PrunableTemplate[],
  limits: PruneLimits,
  now: number,
): readonly string[] {
  const oldestFirst = templates
    .map((template) => ({ ...template, usedAt: Date.parse(template.lastUsedAt) || 0 }))
    .sort((one, other) => one.usedAt - other.usedAt || (one.id < other.id ? -1 : 1));
  let bytes = templates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const selected: string[] = [];
  for (const { id, usedAt, sizeBytes, current } of oldestFirst) {
    const mayGo = limits.all || !current;
    const mustGo = limits.all || now - usedAt > limits.unusedForMs || bytes > limits.maxBytes;
    if (!mayGo || !mustGo) continue;
    selected.push(id);
    bytes -= sizeBytes;
  }
  return selected;
}

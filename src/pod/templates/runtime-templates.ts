// The templates of a runtime as programs see them: list, build, remove, prune.
import {
  abortError,
  reasonOf,
  throwIfAborted,
  VirtcontainersError,
  withDetails,
} from '../../base/errors.js';
import type { VmPlan } from '../../host/hypervisor/hypervisor.js';
import type { StoredTemplate, TemplateKey } from '../../host/templates/templates.js';
import type { AbortOptions } from '../../model/options.js';
import { checkAbortOptions } from '../../model/parse/pod-options.js';
import {
  checkTemplateId,
  parseBuildTemplateOptions,
  parsePruneTemplatesOptions,
} from '../../model/parse/template-options.js';
import { selectForPrune } from '../../model/prune-selection.js';
import type {
  BuildTemplateOptions,
  PruneReport,
  PruneTemplatesOptions,
  RuntimeTemplates,
  TemplateInfo,
} from '../../model/template.js';
import { doing } from '../errors.js';
import type { Mechanisms } from '../mechanisms.js';
import { bootSize, maxSize } from '../plan/plan-size.js';
import { planVm } from '../plan/plan-vm.js';
import { builderName } from './make-template.js';
import type { PodTemplates } from './pod-templates.js';

/** What is needed of the runtime, got at first use. */
export interface TemplateParts {
  readonly mechanisms: Mechanisms;
  readonly podTemplates: PodTemplates;
}

export class LocalTemplates implements RuntimeTemplates {
  readonly #ready: () => Promise<TemplateParts>;

  constructor(ready: () => Promise<TemplateParts>) {
    this.#ready = ready;
  }

  async list(options?: AbortOptions): Promise<readonly TemplateInfo[]> {
    const what = 'cannot list templates';
    await checkAbortOptions(what, options);
    const parts = await this.#ready();
    const [stored, current] = await Promise.all([
      parts.mechanisms.templates.list(),
      // Without a guest image there is none that is current.
      currentOf(parts).then(
        ({ key }) => key.id,
        () => null,
      ),
    ]);
    throwIfAborted(options?.signal, what);
    return stored
      .map((one) => toInfo(one, current))
      .sort((a, b) => (b.createdAt ?? '').localeCompare(a.createdAt ?? ''));
  }

  async build(options?: BuildTemplateOptions): Promise<TemplateInfo> {
    const what = 'cannot build template';
    const { rebuild } = await parseBuildTemplateOptions(what, options);
    const signal = options?.signal ?? new AbortController().signal;
    throwIfAborted(signal, what);
    return doing(what, async () => {
      const parts = await this.#ready();
      const { key, plan } = await currentOf(parts);
      const { templates } = parts.mechanisms;
      if (rebuild || (await templates.find(key)) === null) {
        const { onProgress } = options ?? {};
        await parts.podTemplates.make(key, plan, { onProgress, rebuild, signal });
      }
      const stored = (await templates.list()).find(({ id }) => id === key.id);
      if (stored !== undefined) return toInfo(stored, key.id);
      throw new VirtcontainersError('not-found', `${what}: it was removed meanwhile`);
    });
  }

  async remove(id: string, options?: AbortOptions): Promise<void> {
    const what = 'cannot remove template';
    await checkAbortOptions(what, options);
    checkTemplateId(what, id);
    const { mechanisms } = await this.#ready();
    const stored = await mechanisms.templates.list();
    throwIfAborted(options?.signal, what);
    await mechanisms.templates.remove(onlyOne(what, id, stored));
  }

  async prune(options?: PruneTemplatesOptions): Promise<PruneReport> {
    const what = 'cannot prune templates';
    const selection = await parsePruneTemplatesOptions(what, options);
    const parts = await this.#ready();
    const listed = await this.list({ ...(options?.signal ? { signal: options.signal } : {}) });
    const removed: string[] = [];
    const failed: { id: string; error: string }[] = [];
    let freedBytes = 0;
    for (const id of selectForPrune(listed, selection, Date.now())) {
      if (options?.signal?.aborted) {
        const done = { removed, freedBytes, failed };
        throw withDetails(abortError(options.signal, what), done);
      }
      try {
        await parts.mechanisms.templates.remove(id);
        removed.push(id);
        freedBytes += listed.find((one) => one.id === id)?.sizeBytes ?? 0;
      } catch (error) {
        failed.push({ id, error: reasonOf(error) });
      }
    }
    return { removed, freedBytes, failed };
  }
}

/** What a pod of this runtime that asks for nothing special would be cloned from. */
async function currentOf({
  mechanisms,
  podTemplates,
}: TemplateParts): Promise<{ readonly key: TemplateKey; readonly plan: VmPlan }> {
  const image = await mechanisms.openImage();
  const podId = builderName(mechanisms.templates, { id: '0'.repeat(32) });
  const shape = { podId, hostname: podId, boot: bootSize, max: maxSize, size: bootSize };
  const plan = planVm(shape, image, mechanisms);
  return { key: await podTemplates.keyOf(plan), plan };
}

function toInfo(stored: StoredTemplate, current: string | null): TemplateInfo {
  return { ...stored, current: stored.id === current };
}

function onlyOne(what: string, id: string, stored: readonly StoredTemplate[]): string {
  const found = stored.filter((one) => one.id.startsWith(id));
  const [first] = found;
  if (first === undefined) {
    throw new VirtcontainersError('not-found', `${what} ${id}: there is none of that id`);
  }
  if (found.length === 1) return first.id;
  throw new VirtcontainersError(
    'invalid-argument',
    `${what} ${id}: ${found.length} templates begin so`,
    { hint: 'give more digits of its id' },
  );
}

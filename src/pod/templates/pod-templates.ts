// Which template a pod is cloned from: found, made at first use, waited for where another makes it, or none.
import { availableParallelism } from 'node:os';
import { reasonOf, throwIfAborted } from '../../base/errors.js';
import { span } from '../../base/trace/span.js';
import { Undo } from '../../base/undo.js';
import type { VmPlan } from '../../host/hypervisor/hypervisor.js';
import type { Template, TemplateBuild, TemplateKey } from '../../host/templates/templates.js';
import { cloneTimeoutMs, templateWaitMs } from '../../model/limits.js';
import type { ProgressEvent } from '../../model/progress.js';
import { defaultPruneLimits, selectForPrune } from '../../model/prune-selection.js';
import { attempt } from '../errors.js';
import type { Mechanisms } from '../mechanisms.js';
import { Steps } from '../steps.js';
import { warn } from '../warn.js';
import { builderName, type MakeTemplateOptions, makeTemplate } from './make-template.js';
import { PastFailures } from './past-failures.js';

export interface ObtainOptions {
  /** Those of the pod. */
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** The templates of one runtime as its pods use them. */
export class PodTemplates {
  readonly #mechanisms: Mechanisms;
  readonly #failures = new PastFailures();
  /** Pods that wait for a builder. */
  #waiting = 0;
  /** Clones that are being brought up. */
  #cloning = 0;

  constructor(mechanisms: Mechanisms) {
    this.#mechanisms = mechanisms;
  }

  /** The key of what a plan's VM can be cloned from. */
  async keyOf(plan: VmPlan): Promise<TemplateKey> {
    const { id, accelerator } = await span('shape', () => this.#mechanisms.hypervisor.shape(plan));
    const { image, bootCpus: cpus, bootMemoryMiB: memoryMiB } = plan;
    return { id, guestImage: image.id, accelerator, cpus, memoryMiB };
  }

  /**
   * A template for a plan's VM; null where it is to boot cold: because making one failed, which is warned of, or because
   * another makes it and waiting takes longer than a boot.
   * @throws VirtcontainersError `cancelled`
   */
  async obtain(plan: VmPlan, options: ObtainOptions): Promise<Template | null> {
    const { signal } = options;
    const key = await this.keyOf(plan);
    try {
      const failed = await this.#failedClones(key);
      if (failed.size > 1) return this.#giveUp(key, plan.podId);
      const found = await span('find-template', () => this.#find(key, failed, plan.podId));
      if (found !== null || this.#failures.hasJustFailed(key.id)) return found;
      return await options.steps.run('template', () =>
        this.#makeOrWait(key, failed, { plan, signal }),
      );
    } catch (error) {
      throwIfAborted(signal, `cannot get template ${key.id.slice(0, 12)}`);
      this.#failures.noteBuild(key.id);
      const message = `pod ${plan.podId} boots cold: ${reasonOf(error)}`;
      warn(this.#mechanisms, { code: 'template-failed', message, podId: plan.podId });
      return null;
    }
  }

  /** Brings up a clone, which is told how long it may take from when it runs: clones that start at once share the processors. */
  async cloning<T>(work: (timeoutMs: () => number) => Promise<T>): Promise<T> {
    this.#cloning += 1;
    try {
      return await work(() => cloneTimeoutMs * crowding(this.#cloning));
    } finally {
      this.#cloning -= 1;
    }
  }

  /** Notes that a clone works: what failed before was not the template's fault. Never throws. */
  async cloneWorks(template: Template): Promise<void> {
    this.#failures.forgetClones(template.id);
    await this.#note(template, 'works');
  }

  /** Notes that a clone has failed, and warns of it: the next pod, of whichever process, makes the template anew, once. Never throws. */
  async cloneFailed(template: Template, podId: string, error: unknown): Promise<void> {
    if (!(await this.#note(template, 'failed'))) this.#failures.noteClone(template);
    const message = `pod ${podId} boots cold, as a clone of template ${template.id.slice(0, 12)} it failed: ${reasonOf(error)}`;
    warn(this.#mechanisms, { code: 'clone-failed', message, podId });
  }

  /** Makes a template, waits for another builder of it, or gives what such a one has made meanwhile. @throws VirtcontainersError what its boot throws */
  async make(
    key: TemplateKey,
    plan: VmPlan,
    options: {
      readonly onProgress: ((event: ProgressEvent) => void) | undefined;
      /** Also where somebody else makes it meanwhile. */
      readonly rebuild: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<Template> {
    const { templates, onProgress, log } = this.#mechanisms;
    const steps = new Steps(builderName(templates, key), [onProgress, options.onProgress], log);
    for (;;) {
      const build = await templates.begin(key);
      if (build !== null) {
        const isUseless = (): boolean => options.rebuild;
        const template = await this.#make(build, { ...options, key, plan, steps, isUseless });
        if (options.rebuild) await this.#forgetFailures(key);
        return template;
      }
      await templates.waitForBuilder(key, options.signal);
      const made = options.rebuild ? null : await templates.find(key);
      if (made !== null) return made;
    }
  }

  async #failedClones(key: TemplateKey): Promise<ReadonlySet<string>> {
    return this.#failures.failedClones(key.id, await this.#mechanisms.templates.failedClones(key));
  }

  async #forgetFailures(key: TemplateKey): Promise<void> {
    this.#failures.forgetClones(key.id);
    await this.#mechanisms.templates.forgetFailedClones(key);
  }

  /** @returns whether other processes know it now */
  async #note(template: Template, outcome: 'works' | 'failed'): Promise<boolean> {
    const { templates, log } = this.#mechanisms;
    try {
      await templates.noteClone(template, outcome);
      return true;
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'how a clone went is not noted for other processes');
      return false;
    }
  }

  /** Clones of two templates, one after the other, have failed: a third one would cost each pod as much, and be no better. */
  #giveUp(key: TemplateKey, podId: string): null {
    if (!this.#failures.isNews(key.id)) return null;
    const message = `pod ${podId} boots cold, as all will: clones of template ${key.id.slice(0, 12)} have failed, and again when it was made anew; 'virtc template build --rebuild' makes another`;
    warn(this.#mechanisms, { code: 'clone-failed', message, podId });
    return null;
  }

  /** One that is whole, and of which no clone has failed. */
  async #find(
    key: TemplateKey,
    failed: ReadonlySet<string>,
    podId: string,
  ): Promise<Template | null> {
    let damage: string | null = null;
    const found = await this.#mechanisms.templates.find(key, (reason) => {
      damage = reason;
    });
    if (damage !== null) {
      const message = `template ${key.id.slice(0, 12)} is damaged and will be made anew: ${damage}`;
      warn(this.#mechanisms, { code: 'template-damaged', message, podId });
    }
    return found === null || failed.has(found.directory) ? null : found;
  }

  async #makeOrWait(
    key: TemplateKey,
    failed: ReadonlySet<string>,
    { plan, signal }: { readonly plan: VmPlan; readonly signal: AbortSignal },
  ): Promise<Template | null> {
    const { templates, log } = this.#mechanisms;
    const steps = new Steps(builderName(templates, key), [], log);
    const build = await templates.begin(key);
    if (build !== null) {
      const isUseless = ({ directory }: Template): boolean => failed.has(directory);
      const template = await this.#make(build, { key, plan, steps, signal, isUseless });
      await this.#prune(key);
      return template;
    }
    if (!(await this.#waited(key, signal))) return null;
    return this.#find(key, await this.#failedClones(key), plan.podId);
  }

  /** Makes it, unless another has done so between the look for it and the right to make it. */
  #make(
    build: TemplateBuild,
    options: Omit<MakeTemplateOptions, 'build'> & {
      /** Whether one that is there is to be replaced. */
      readonly isUseless: (found: Template) => boolean;
    },
  ): Promise<Template> {
    return Undo.run(async (undo) => {
      undo.add('template', () => build.abandon());
      const found = await this.#mechanisms.templates.find(options.key);
      if (found === null || options.isUseless(found)) {
        return makeTemplate(this.#mechanisms, { ...options, build });
      }
      await build.abandon();
      return found;
    });
  }

  /**
   * Whether another builder was done before a boot would have been. Pods that boot at once share the host's processors: the more
   * of them wait, the longer it is worth it.
   */
  async #waited(key: TemplateKey, signal: AbortSignal): Promise<boolean> {
    const { templates } = this.#mechanisms;
    const tooLong = new AbortController();
    const begunMs = performance.now();
    const look = (): void => {
      const leftMs = begunMs + templateWaitMs * crowding(this.#waiting) - performance.now();
      if (leftMs <= 0) tooLong.abort();
      else timer = setTimeout(look, leftMs);
    };
    let timer = setTimeout(look, templateWaitMs);
    this.#waiting += 1;
    try {
      await templates.waitForBuilder(key, AbortSignal.any([signal, tooLong.signal]));
      return true;
    } catch (error) {
      if (signal.aborted || !tooLong.signal.aborted) throw error;
      return false;
    } finally {
      this.#waiting -= 1;
      clearTimeout(timer);
    }
  }

  /** What nobody uses any more goes when something new comes; that it failed is no pod's trouble. */
  async #prune(current: TemplateKey): Promise<void> {
    const { templates, log } = this.#mechanisms;
    try {
      const stored = await templates.list();
      const candidates = stored.map((one) => ({ ...one, current: one.id === current.id }));
      for (const id of selectForPrune(candidates, defaultPruneLimits, Date.now())) {
        const failures = await attempt(id, () => templates.remove(id));
        if (failures.length > 0) log.warn({ failures }, 'an old template was not removed');
      }
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'old templates could not be listed');
    }
  }
}

/** How much longer each of `count` VMs takes that start at once than one alone. */
function crowding(count: number): number {
  return Math.max(1, count / availableParallelism());
}

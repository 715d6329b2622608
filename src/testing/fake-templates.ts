// Templates in memory that several "processes" can look at, with a foreign builder, damage and failures on demand.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { abortError, throwIfAborted, VirtcontainersError } from '../base/errors.js';
import { requireTemplateId } from '../host/templates/template-id.js';
import type {
  StoredTemplate,
  Template,
  TemplateBuild,
  TemplateFacts,
  TemplateFiles,
  TemplateKey,
  Templates,
} from '../host/templates/templates.js';

interface FakeBuilder {
  readonly ended: Promise<void>;
  /** Safe to repeat. */
  readonly end: () => void;
}

/** What is on the "disk". */
export class FakeTemplateDisk {
  readonly templates = new Map<
    string,
    { readonly stored: StoredTemplate; readonly template: Template }
  >();
  readonly builders = new Map<string, FakeBuilder>();
  /** The directories of those whose clones failed. */
  readonly failed = new Map<string, Set<string>>();
  /** How many builds were begun, for fresh names. */
  generations = 0;
}

/** How often each was called. */
export interface FakeTemplateCalls {
  find: number;
  begin: number;
  /** Those of `begin` that gave the right. */
  builds: number;
  commit: number;
  abandon: number;
  waitForBuilder: number;
  list: number;
  remove: number;
}

export class FakeTemplates implements Templates {
  readonly calls: FakeTemplateCalls = {
    ...{ find: 0, begin: 0, builds: 0, commit: 0, abandon: 0 },
    ...{ waitForBuilder: 0, list: 0, remove: 0 },
  };
  /** What every commit from now on fails with. */
  commitFailure: Error | null = null;
  /** What every begin from now on fails with. */
  beginFailure: Error | null = null;
  /** What every note of a clone from now on fails with. */
  noteFailure: Error | null = null;
  /** Whatever is looked for is there, as if another process had made it. */
  isAlwaysThere = false;
  /** What a template made from now on takes on disk, in bytes. */
  sizeBytes = 160 * 1024 * 1024;
  now: () => number = Date.now;
  readonly placeId = '0123abcd';
  readonly #disk: FakeTemplateDisk;

  constructor(disk: FakeTemplateDisk = new FakeTemplateDisk()) {
    this.#disk = disk;
  }

  /** How many are being built. */
  get building(): number {
    return this.#disk.builders.size;
  }

  /** The ids of those that are there. */
  get ids(): readonly string[] {
    return [...this.#disk.templates.keys()];
  }

  /** A template that another process has made, with whatever else is to be known of it. */
  put(key: TemplateKey, known: Partial<StoredTemplate> = {}): Template {
    const facts = { qemuVersion: known.qemuVersion ?? '0.0.0-fake', buildMs: 1 };
    return this.#store({ ...key, ...facts }, this.#freshFiles(key.id), known);
  }

  /** From now on it is not as it was made. */
  damage(id: string, problem: string): void {
    const found = this.#disk.templates.get(id);
    if (found === undefined) throw new Error(`there is no template ${id}`);
    this.#disk.templates.set(id, { ...found, stored: { ...found.stored, problem } });
  }

  /** Another process builds it, until `release` is called; it makes nothing of itself, see `put`. */
  holdBuild(key: TemplateKey): { release(): void } {
    const builder = this.#takeRight(key.id);
    if (builder === null) throw new Error(`somebody builds template ${key.id}`);
    return { release: builder.end };
  }

  async find(
    key: TemplateKey,
    onDamaged: (reason: string) => void = () => {},
  ): Promise<Template | null> {
    this.calls.find++;
    requireTemplateId('find', key.id);
    if (this.isAlwaysThere && !this.#disk.templates.has(key.id)) this.put(key);
    const found = this.#disk.templates.get(key.id);
    if (found === undefined) return null;
    if (found.stored.problem !== null) {
      onDamaged(found.stored.problem);
      return null;
    }
    const stored = { ...found.stored, lastUsedAt: this.#time() };
    this.#disk.templates.set(key.id, { ...found, stored });
    return found.template;
  }

  async begin(key: TemplateKey): Promise<TemplateBuild | null> {
    this.calls.begin++;
    requireTemplateId('build', key.id);
    if (this.beginFailure !== null) throw this.beginFailure;
    const builder = this.#takeRight(key.id);
    if (builder === null) return null;
    this.calls.builds++;
    const files = this.#freshFiles(key.id);
    // Policy makes a root there, which a share then finds.
    const scratch = mkdtempSync(path.join(tmpdir(), 'fake-template-'));
    let isEnded = false;
    return {
      files,
      scratch,
      commit: async (facts) => {
        this.calls.commit++;
        if (isEnded) {
          const reason = 'it is saved or abandoned already';
          throw new VirtcontainersError(
            'invalid-state',
            `cannot save template ${key.id}: ${reason}`,
          );
        }
        isEnded = true;
        rmSync(scratch, { recursive: true, force: true });
        builder.end();
        if (this.commitFailure !== null) throw this.commitFailure;
        return this.#store({ ...key, ...facts }, files);
      },
      abandon: async () => {
        this.calls.abandon++;
        isEnded = true;
        rmSync(scratch, { recursive: true, force: true });
        builder.end();
      },
    };
  }

  async waitForBuilder(key: TemplateKey, signal: AbortSignal): Promise<void> {
    this.calls.waitForBuilder++;
    requireTemplateId('wait for', key.id);
    const what = `cannot wait for template ${key.id}`;
    throwIfAborted(signal, what);
    const builder = this.#disk.builders.get(key.id);
    if (builder === undefined) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(abortError(signal, what));
      signal.addEventListener('abort', onAbort, { once: true });
      void builder.ended.then(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  async failedClones({ id }: TemplateKey): Promise<readonly string[]> {
    requireTemplateId('tell of failed clones of', id);
    return [...(this.#disk.failed.get(id) ?? [])];
  }

  async noteClone(
    { id, directory }: Pick<Template, 'id' | 'directory'>,
    outcome: 'works' | 'failed',
  ): Promise<void> {
    requireTemplateId('note a clone of', id);
    if (this.noteFailure !== null) throw this.noteFailure;
    if (this.#disk.templates.get(id)?.template.directory !== directory) return;
    if (outcome === 'works') this.#disk.failed.delete(id);
    else this.#disk.failed.set(id, (this.#disk.failed.get(id) ?? new Set()).add(directory));
  }

  async forgetFailedClones({ id }: TemplateKey): Promise<void> {
    requireTemplateId('forget failed clones of', id);
    this.#disk.failed.delete(id);
  }

  async list(): Promise<readonly StoredTemplate[]> {
    this.calls.list++;
    const ids = [...this.#disk.templates.keys()].sort();
    return ids.flatMap((id) => this.#disk.templates.get(id)?.stored ?? []);
  }

  async remove(id: string): Promise<void> {
    this.calls.remove++;
    requireTemplateId('remove', id);
    if (this.#disk.builders.has(id)) {
      const reason = 'it is being built';
      throw new VirtcontainersError('invalid-state', `cannot remove template ${id}: ${reason}`);
    }
    this.#disk.templates.delete(id);
    this.#disk.failed.delete(id);
  }

  #takeRight(id: string): FakeBuilder | null {
    const { builders } = this.#disk;
    if (builders.has(id)) return null;
    let resolveEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      resolveEnded = resolve;
    });
    const builder: FakeBuilder = {
      ended,
      end: () => {
        if (builders.get(id) === builder) builders.delete(id);
        resolveEnded();
      },
    };
    builders.set(id, builder);
    return builder;
  }

  #freshFiles(id: string): TemplateFiles {
    const directory = `/fake/templates/${id}/${++this.#disk.generations}`;
    return { directory, memory: `${directory}/memory`, state: `${directory}/state` };
  }

  #store(
    made: TemplateKey & TemplateFacts,
    files: TemplateFiles,
    known: Partial<StoredTemplate> = {},
  ): Template {
    const template = { ...files, id: made.id, qemuVersion: made.qemuVersion };
    const times = { createdAt: this.#time(), lastUsedAt: this.#time() };
    const stored = { ...made, ...times, sizeBytes: this.sizeBytes, problem: null, ...known };
    this.#disk.templates.set(made.id, { stored, template });
    return template;
  }

  #time(): string {
    return new Date(this.now()).toISOString();
  }
}

// Keeps templates: files of booted VMs, found by a key, made by one builder at a time, checked before each use.

/** What shapes a VM before a pod exists: VMs of equal keys can be cloned from one template. */
export interface TemplateKey {
  /** 32 hexadecimal digits, a hash of all that follows. */
  readonly id: string;
  readonly guestImage: string;
  readonly accelerator: 'kvm' | 'tcg';
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** Where a template's parts lie. */
export interface TemplateFiles {
  /** Absolute; holds the others, and nothing else. */
  readonly directory: string;
  /** The guest's memory: as large as that, with holes. */
  readonly memory: string;
  /** The state of the VM's devices, about half a MiB. */
  readonly state: string;
}

/** A template that was checked just now. */
export interface Template extends TemplateFiles {
  readonly id: string;
  readonly qemuVersion: string;
}

/** What the builder knows of what it has made. */
export interface TemplateFacts {
  readonly qemuVersion: string;
  readonly buildMs: number;
}

/** The right to make one template, until it is committed or abandoned. */
export interface TemplateBuild {
  /** A fresh directory where the builder puts the files: 0700, on the file system where the template will be. */
  readonly files: TemplateFiles;
  /** A fresh directory for whatever else the builder needs; removed at the end. */
  readonly scratch: string;
  /**
   * Makes it the one that is found; whatever wrote the files must have ended. They last from then on, whatever happens to the host.
   * @throws VirtcontainersError what writing throws; it is then abandoned
   */
  commit(facts: TemplateFacts): Promise<Template>;
  /** Removes what was made; safe to repeat, also after a commit. */
  abandon(): Promise<void>;
}

/** What is known of a template, the damaged too; null is what its manifest would say and cannot be read. */
export interface StoredTemplate {
  readonly id: string;
  readonly guestImage: string | null;
  readonly accelerator: 'kvm' | 'tcg' | null;
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  readonly createdAt: string | null;
  /** To a minute. */
  readonly lastUsedAt: string;
  readonly qemuVersion: string | null;
  /** Really taken on disk: holes are not counted. */
  readonly sizeBytes: number;
  readonly buildMs: number | null;
  /** Which file is not as it was made, and why; null where it is whole. */
  readonly problem: string | null;
}

export interface Templates {
  /** Tells this place from others on the host: 8 hexadecimal digits. */
  readonly placeId: string;
  /**
   * The template of a key, whole: its state by its hash, its memory by size, inode and times. Null where there is none; one that is
   * damaged counts as none, and `onDamaged` is told why. Notes that it is used.
   */
  find(key: TemplateKey, onDamaged?: (reason: string) => void): Promise<Template | null>;
  /**
   * Takes the right to build, after removing what a dead builder left; null while another process (or this one) builds it.
   * What is there already is replaced at the commit, and stays usable until then.
   */
  begin(key: TemplateKey): Promise<TemplateBuild | null>;
  /** Resolves when nobody builds it any more. @throws VirtcontainersError `cancelled` */
  waitForBuilder(key: TemplateKey, signal: AbortSignal): Promise<void>;
  /** The directories of a key's templates of which clones failed since one worked or they were forgotten, whichever process saw it. */
  failedClones(key: TemplateKey): Promise<readonly string[]>;
  /** Notes how a clone of a template went, for all processes; does nothing where another one has taken its place. */
  noteClone(
    template: Pick<Template, 'id' | 'directory'>,
    outcome: 'works' | 'failed',
  ): Promise<void>;
  /** Forgets the failures of a key's clones. */
  forgetFailedClones(key: TemplateKey): Promise<void>;
  /** Those that are whole and those that are damaged, by their ids; one that is only being made is none yet. */
  list(): Promise<readonly StoredTemplate[]>;
  /**
   * Removes one, also a damaged one; safe to repeat. VMs that were cloned from it go on.
   * @throws VirtcontainersError `invalid-argument` where it is no id; `invalid-state` while it is built
   */
  remove(id: string): Promise<void>;
}

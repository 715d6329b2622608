// Packages and sources from Debian itself, whatever else the machine's apt is set up with, and without changing that.
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VirtcontainersError } from '../src/base/errors.js';
import { runProgram } from './run-program.js';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The machine's own entries for Debian, in apt's deb822 format. */
export interface DebianSources {
  readonly text: string;
  /** For example `bookworm`. */
  readonly codename: string;
}

/**
 * Finds the entries of the machine's apt whose releases say that they are Debian's.
 * @throws VirtcontainersError `unsupported` if there are none, also after an update of its lists
 */
export async function findDebianSources(
  options: { readonly signal?: AbortSignal | undefined; readonly sources?: boolean } = {},
): Promise<DebianSources> {
  const what = 'cannot find the Debian archive';
  const list = (): Promise<string> =>
    runProgram(
      'apt-get',
      [
        'indextargets',
        '--format',
        '$(ORIGIN)\t$(LABEL)\t$(CODENAME)\t$(RELEASE)\t$(REPO_URI)\t$(COMPONENT)',
        'Created-By: Packages',
      ],
      { what, signal: options.signal },
    );
  let found = toDebianSources(await list(), options);
  if (found === null) {
    await runProgram('apt-get', ['-o', 'Acquire::Retries=3', '--quiet', 'update'], {
      what,
      signal: options.signal,
    });
    found = toDebianSources(await list(), options);
  }
  if (found === null) {
    throw new VirtcontainersError('unsupported', `${what}: apt has no entry for it`, {
      hint: 'add an entry for Debian to /etc/apt/sources.list.d',
    });
  }
  return found;
}

/** Turns apt's list of index files into entries; null if none is Debian's. */
export function toDebianSources(
  indexTargets: string,
  options: { readonly sources?: boolean } = {},
): DebianSources | null {
  const types = options.sources === true ? 'deb deb-src' : 'deb';
  const signedBy = existsSync(keyring) ? `Signed-By: ${keyring}\n` : '';
  const entries = new Set<string>();
  let codename: string | undefined;
  for (const line of indexTargets.split('\n')) {
    const [origin, label, code, release, uri, component] = line.split('\t');
    if (origin !== 'Debian' || !release || !uri || !component) continue;
    if (label === 'Debian' && code === release) codename ??= code;
    entries.add(
      `Types: ${types}\nURIs: ${uri}\nSuites: ${release}\nComponents: ${component}\n${signedBy}`,
    );
  }
  return codename === undefined ? null : { text: [...entries].join('\n'), codename };
}

/** A look into Debian's archive with lists of its own. */
export interface DebianArchive {
  /** Downloads packages and unpacks them below `directory`. @returns their versions by name */
  unpack(packages: readonly string[], directory: string): Promise<Readonly<Record<string, string>>>;
  /** Downloads a source package and unpacks it. */
  unpackSource(
    name: string,
    directory: string,
  ): Promise<{ readonly directory: string; readonly version: string }>;
  /** The newest version's field of a package's entry. */
  field(name: string, field: string): Promise<string>;
}

/** Reads the archive's lists into `directory`, which must exist and be empty. */
export async function openDebianArchive(options: {
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<DebianArchive> {
  const { directory, signal } = options;
  const sources = await findDebianSources({ signal, sources: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'download']) {
    await mkdir(path.join(directory, name), { recursive: true });
  }
  await writeFile(path.join(directory, 'debian.sources'), sources.text);
  await writeFile(path.join(directory, 'status'), '');
  const settings = {
    'Dir::Etc::sourcelist': path.join(directory, 'debian.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': directory,
    'Dir::State::lists': path.join(directory, 'lists'),
    // What the host has installed must not influence which version is taken.
    'Dir::State::status': path.join(directory, 'status'),
    'Dir::Cache': path.join(directory, 'cache'),
    'APT::Sandbox::User': 'root',
    'APT::Update::Post-Invoke-Success::': 'true',
    'Acquire::Retries': '3',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt = (what: string, args: readonly string[], cwd = directory): Promise<string> =>
    runProgram('apt-get', [...flags, '--quiet', ...args], { what, cwd, signal });
  await apt('cannot read the lists of the Debian archive', ['update']);

  const field = async (name: string, wanted: string): Promise<string> => {
    const what = `cannot find Debian package ${name}`;
    const text = await runProgram('apt-cache', [...flags, '--no-all-versions', 'show', name], {
      what,
      signal,
    });
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${wanted}: `));
    if (line === undefined)
      throw new VirtcontainersError('not-found', `${what}: it has no field ${wanted}`);
    return line.slice(wanted.length + 2);
  };

  return {
    field,
    async unpack(packages, target) {
      const what = `cannot fetch Debian packages ${packages.join(' ')}`;
      const download = path.join(directory, 'download', packages[0] ?? '');
      await mkdir(download, { recursive: true });
      await apt(what, ['download', ...packages], download);
      for (const file of await readdir(download)) {
        await runProgram('dpkg-deb', ['--extract', path.join(download, file), target], {
          what,
          signal,
        });
      }
      const versions = await Promise.all(
        packages.map(async (name) => [name, await field(name, 'Version')] as const),
      );
      return Object.fromEntries(versions);
    },
    async unpackSource(name, target) {
      const what = `cannot fetch the source of Debian package ${name}`;
      await apt(what, ['source', '--download-only', '--only-source', name], target);
      const description = (await readdir(target)).find((file) => file.endsWith('.dsc'));
      if (description === undefined)
        throw new VirtcontainersError('not-found', `${what}: there is none`);
      const unpacked = path.join(target, 'source');
      await runProgram('dpkg-source', ['--extract', description, unpacked], {
        what,
        cwd: target,
        signal,
      });
      const version = description.slice(name.length + 1, -'.dsc'.length);
      return { directory: unpacked, version };
    },
  };
}

// Where things lie if nobody says: the roots, and the configuration files that are looked for.
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration of the whole system. */
export const systemFile = '/etc/virtcontainers/config.toml';

/** The run or the lib root: the system's for root, a user's own for others. */
export function defaultRoot(
  kind: 'run' | 'lib',
  environment: Environment,
  isRoot: boolean,
): string {
  if (isRoot) return kind === 'run' ? '/run/virtcontainers' : '/var/lib/virtcontainers';
  const base =
    kind === 'run'
      ? environment['XDG_RUNTIME_DIR'] || `/run/user/${process.getuid?.() ?? 0}`
      : environment['XDG_DATA_HOME'] || path.join(environment['HOME'] || '/', '.local/share');
  return path.resolve(base, 'virtcontainers');
}

/** A user's own configuration; undefined where it is not known absolutely: the current directory decides nothing. */
export function userFile(environment: Environment): string | undefined {
  const { XDG_CONFIG_HOME: configHome, HOME: home } = environment;
  const base = [configHome, home && path.join(home, '.config')].find(
    (candidate) => candidate && path.isAbsolute(candidate),
  );
  return base && path.join(base, 'virtcontainers/config.toml');
}

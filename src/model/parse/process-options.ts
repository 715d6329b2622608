// Options of processes, of init and of those that exec adds, to complete configurations.
import { VirtcontainersError } from '../../base/errors.js';
import type { ContainerConfig, ProcessConfig } from '../container-config.js';
import { newId, validateId } from '../id.js';
import {
  type CollectConfig,
  collectShape,
  type EndConfig,
  endShape,
  toCollectConfig,
  toEndConfig,
} from './command-options.js';
import { type Parts, parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';
import { showValue } from './show-value.js';

/** The options that describe a process. */
export function processShape(p: Parts) {
  return {
    env: p.env.optional(),
    cwd: p.guestPath.optional(),
    user: p.user.optional(),
    terminal: p.terminal.optional(),
    stdin: p.boolean.optional(),
  };
}

let schemas: ReturnType<typeof allSchemas> | undefined;

function allSchemas(z: Z) {
  const p = parts(z);
  const { stdin, ...process } = processShape(p);
  const command = { ...process, ...endShape(p), id: z.unknown().optional() };
  return {
    command: p.command,
    exec: strict(z, 'exec', { ...command, stdin }),
    run: strict(z, 'run', { ...command, ...collectShape(z, p) }),
  };
}

/** What options of a process need to know of its container. */
export type ExecContainer = Pick<ContainerConfig, 'id' | 'process'>;

/** What `exec` is asked for. */
export interface ExecRequest {
  readonly id: string;
  readonly config: ProcessConfig;
  readonly end: EndConfig;
}

/** What `run` is asked for. */
export interface RunRequest extends ExecRequest, CollectConfig {}

/**
 * What `exec` runs: whatever is not asked for is the container's.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parseExecOptions(
  container: ExecContainer,
  command: unknown,
  options: unknown,
): Promise<ExecRequest> {
  const what = `cannot exec in container ${container.id}`;
  schemas ??= allSchemas(await loadZod());
  const parsed = check(what, schemas.exec, options ?? {});
  return {
    id: idOf(parsed.id),
    config: configOf(container, checkCommand(what, command), parsed),
    end: toEndConfig(parsed),
  };
}

/**
 * What `run` runs: whatever is not asked for is the container's.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parseRunOptions(
  container: ExecContainer,
  command: unknown,
  options: unknown,
): Promise<RunRequest> {
  const what = `cannot run in container ${container.id}`;
  schemas ??= allSchemas(await loadZod());
  const parsed = check(what, schemas.run, options ?? {});
  const collect = toCollectConfig(parsed);
  const process = { ...parsed, stdin: collect.input !== null };
  return {
    id: idOf(parsed.id),
    config: configOf(container, checkCommand(what, command), process),
    end: toEndConfig(parsed),
    ...collect,
  };
}

function idOf(id: unknown): string {
  return id === undefined ? newId() : validateId('process', id as string);
}

function checkCommand(what: string, command: unknown): readonly string[] {
  const argv = schemas?.command.safeParse(command);
  if (argv?.success) return argv.data;
  const rule = argv?.error.issues[0]?.message;
  throw new VirtcontainersError(
    'invalid-argument',
    `${what}: the command ${rule}, not ${showValue(command)}`,
  );
}

function configOf(
  { process: inherited }: ExecContainer,
  command: readonly string[],
  asked: {
    readonly env?: Readonly<Record<string, string>> | undefined;
    readonly cwd?: string | undefined;
    readonly user?: string | undefined;
    readonly terminal?: ProcessConfig['terminal'] | undefined;
    readonly stdin?: boolean | undefined;
  },
): ProcessConfig {
  return {
    command,
    env: { ...inherited.env, ...asked.env },
    cwd: asked.cwd ?? inherited.cwd,
    user: asked.user ?? inherited.user,
    terminal: asked.terminal ?? null,
    stdin: asked.stdin ?? false,
  };
}

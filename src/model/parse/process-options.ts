// Options of processes, of init and of those that exec adds, to complete configurations.
import { VirtcontainersError } from '../../base/errors.js';
import type { ContainerConfig, ProcessConfig } from '../container-config.js';
import { newId, validateId } from '../id.js';
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

let schema: ReturnType<typeof execSchema> | undefined;

function execSchema(z: Z) {
  const p = parts(z);
  return strict(z, 'exec', {
    ...processShape(p),
    id: z.unknown().optional(),
    signal: p.abortSignal.optional(),
  });
}

/**
 * What `exec` runs: whatever is not asked for is the container's.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parseExecOptions(
  container: ContainerConfig,
  command: unknown,
  options: unknown,
): Promise<{ readonly id: string; readonly config: ProcessConfig }> {
  const what = `cannot exec in container ${container.id}`;
  const z = await loadZod();
  schema ??= execSchema(z);
  const argv = parts(z).command.safeParse(command);
  if (!argv.success) {
    const rule = argv.error.issues[0]?.message;
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: the command ${rule}, not ${showValue(command)}`,
    );
  }
  const parsed = check(what, schema, options ?? {});
  const id = parsed.id === undefined ? newId() : validateId('process', parsed.id as string);
  const inherited = container.process;
  return {
    id,
    config: {
      command: argv.data,
      env: { ...inherited.env, ...parsed.env },
      cwd: parsed.cwd ?? inherited.cwd,
      user: parsed.user ?? inherited.user,
      terminal: parsed.terminal ?? null,
      stdin: parsed.stdin ?? false,
    },
  };
}

// `virtc doctor` in this process, on this host.
import { loadRuntimeConfig } from '../../../config.js';
import { checkHost } from '../../../doctor/doctor.js';
import { paintFor } from '../paint.js';
import { loadSettings, runtimeOptionsOf } from '../settings.js';
import { setUp } from '../setup/setup.js';
import { type DoctorFlags, doctor } from './doctor.js';

/** Resolves with the exit code. @throws VirtcontainersError `invalid-argument` for a bad flag, environment variable or configuration file */
export async function hostDoctor(flags: DoctorFlags): Promise<number> {
  const { env, stdout, stderr } = process;
  const { color, progress } = await loadSettings(flags, env);
  // Standard error holds errors alone then, and they JSON.
  const shown = flags.format === 'json' ? 'none' : progress;
  const config = await loadRuntimeConfig(runtimeOptionsOf(flags), env, process.getuid?.() === 0);
  return await doctor(flags, {
    check: () => checkHost(config),
    setUp: async () => {
      await setUp({ libRoot: config.libRoot, progress: shown });
    },
    paint: { stdout: paintFor(color, stdout, env), stderr: paintFor(color, stderr, env) },
    streams: process,
  });
}

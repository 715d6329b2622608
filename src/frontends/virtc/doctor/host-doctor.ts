// `virtc doctor` in this process, on this host.
import { toRuntimeConfig } from '../../../config.js';
import { checkHost } from '../../../doctor/doctor.js';
import { setUp } from '../setup/setup.js';
import { type DoctorFlags, doctor } from './doctor.js';

/** Resolves with the exit code. @throws VirtcontainersError `invalid-argument` for a bad flag or environment variable */
export async function hostDoctor(flags: DoctorFlags): Promise<number> {
  const config = toRuntimeConfig({}, process.env, process.getuid?.() === 0);
  return await doctor(flags, {
    check: () => checkHost(config),
    setUp: async () => {
      await setUp({});
    },
    streams: process,
  });
}

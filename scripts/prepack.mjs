// What npm does before it makes a tarball: a build with declarations, so that none is packed that is old or in parts.
// @ts-check
import { ensureBuild } from './ensure-build.mjs';
import { runScript } from './project.mjs';

await runScript(async () => {
  await ensureBuild();
});

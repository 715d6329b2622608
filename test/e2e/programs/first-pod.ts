// Makes a pod, runs `hostname` in it and deletes it; prints what came of that as JSON. Arguments: run root, lib root, root, id.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createRuntime, type Warning } from '../../../src/index.js';

/** What is printed. */
export interface FirstPod {
  readonly stdout: string;
  readonly origin: string | null;
  readonly warnings: readonly Warning[];
  /** What is in the lib root's directory of templates at the end, without locks. */
  readonly templates: readonly string[];
}

const [runRoot = '', libRoot = '', rootfs = '', id = ''] = process.argv.slice(2);
const warnings: Warning[] = [];
const runtime = createRuntime({
  runRoot,
  libRoot,
  onWarning: (warning) => warnings.push(warning),
});
const pod = await runtime.createPod({ id });
const { stdout } = await pod.run({ rootfs, command: ['hostname'] });
const { origin } = await pod.status();
await pod.delete({ force: true });
const templates = readdirSync(path.join(libRoot, 'templates'), {
  recursive: true,
  encoding: 'utf8',
});
const report: FirstPod = {
  stdout,
  origin,
  warnings,
  templates: templates.filter((name) => path.basename(name) !== 'lock'),
};
console.log(JSON.stringify(report));

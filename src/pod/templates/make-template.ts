// Makes a template: boots a VM that is no pod's, warms it up, saves it, and ends it.
import { sleep } from '../../base/deadline.js';
import { Undo } from '../../base/undo.js';
import type { Agent } from '../../host/agent/agent.js';
import type { Vm, VmPlan } from '../../host/hypervisor/hypervisor.js';
import type { PodShare } from '../../host/share/share.js';
import type {
  Template,
  TemplateBuild,
  TemplateKey,
  Templates,
} from '../../host/templates/templates.js';
import { bootTimeoutMs, templateRestMs } from '../../model/limits.js';
import { attachAgent } from '../attach-agent.js';
import type { Mechanisms } from '../mechanisms.js';
import type { Steps } from '../steps.js';
import { warmUp } from './warm-up.js';

export interface MakeTemplateOptions {
  readonly key: TemplateKey;
  /** A pod's plan of that key: the template's is the same with places of its own. */
  readonly plan: VmPlan;
  readonly build: TemplateBuild;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** What the VM of a template is called, so that what a dead builder left of it is found. */
export function builderName(
  { placeId }: Pick<Templates, 'placeId'>,
  { id }: Pick<TemplateKey, 'id'>,
): string {
  return `template-${id.slice(0, 12)}-${placeId}`;
}

/** Makes it and commits it; on failure or abort nothing is left but the build, which the caller abandons. */
export async function makeTemplate(
  mechanisms: Mechanisms,
  options: MakeTemplateOptions,
): Promise<Template> {
  const { build, key } = options;
  const begunMs = performance.now();
  const name = builderName(mechanisms.templates, key);
  for (const handle of await mechanisms.hypervisor.findLeftovers(name)) {
    await mechanisms.hypervisor.release(handle);
  }
  const qemuVersion = await bootAndSave(mechanisms, options);
  const buildMs = Math.round(performance.now() - begunMs);
  return build.commit({ qemuVersion, buildMs });
}

/** Its VM ends whether it was saved or not. @returns the version of the hypervisor that saved it */
function bootAndSave(mechanisms: Mechanisms, options: MakeTemplateOptions): Promise<string> {
  const { build, key, steps, signal } = options;
  const { hypervisor, share, log } = mechanisms;
  const podId = builderName(mechanisms.templates, key);
  const runDirectory = build.scratch;
  return Undo.run(async (undo) => {
    const podShare = await share.create({ podId, runDirectory });
    undo.add('share', () => podShare.close());
    const plan: VmPlan = {
      ...options.plan,
      podId,
      runDirectory,
      shares: share.trees(runDirectory),
      origin: { kind: 'template', memory: build.files.memory },
    };
    const vm = await steps.run('vm-spawn', () =>
      hypervisor.start(plan, { signal, log, onHandle: async () => {} }),
    );
    undo.add('VM', () => vm.stop({ graceMs: 0 }));
    podShare.attach(vm.mountNamespacePid);
    await warmAndSave(mechanisms, options, { vm, share: podShare });
    const failures = await undo.unwind();
    // One that may still write to its memory is none.
    if (failures.length > 0) throw new Error(`its VM was not released: ${failures.join('; ')}`);
    return vm.hypervisorVersion;
  });
}

async function warmAndSave(
  mechanisms: Mechanisms,
  options: MakeTemplateOptions,
  { vm, share }: { readonly vm: Vm; readonly share: PodShare },
): Promise<void> {
  const { build, key, steps, signal } = options;
  const what = `cannot make template ${key.id.slice(0, 12)}`;
  const podId = builderName(mechanisms.templates, key);
  const bounds = { what, podId, timeoutMs: bootTimeoutMs, signal };
  const attach = (): Promise<Agent> => attachAgent(mechanisms.agents, vm, bounds);
  const first = await steps.run('vm-boot', attach);
  first.close();
  const { defaults } = mechanisms;
  const agent = await steps.run('warm-up', () =>
    warmUp({ what, scratch: build.scratch, share, defaults, attach, signal }),
  );
  try {
    await steps.run('save', async () => {
      await sleep(mechanisms.templateRestMs ?? templateRestMs, signal);
      // Its connection stays open: a clone's guest then finds what it waited for, and is told of no change.
      await vm.save(build.files.state, { signal });
    });
  } finally {
    agent.close();
  }
}

// Counts every call of the mechanisms and lets one of them go wrong.
import { VirtcontainersError } from '../base/errors.js';
import type { Agent, AgentConnector } from '../host/agent/agent.js';
import type { Hypervisor, Vm } from '../host/hypervisor/hypervisor.js';
import type { PodShare, Share } from '../host/share/share.js';
import type { OwnedRecord, Store } from '../host/store/store.js';
import type { TemplateBuild, Templates } from '../host/templates/templates.js';
import type { Mechanisms } from '../pod/mechanisms.js';

/** What happens at the chosen call. */
export type Fault =
  /** It fails without having done anything. */
  | 'before'
  /** It does its work and then reports failure. */
  | 'after';

/** These promise that nothing is left when they fail, or give something back: they never fail after their work. */
const onlyBefore: ReadonlySet<string> = new Set([
  ...['store.create', 'store.takeOver', 'share.create', 'hypervisor.start', 'agents.attach'],
  ...['share.bind', 'store.reserveContainer', 'openImage', 'templates.begin', 'build.commit'],
]);
/** Not steps: what an undo calls must work, or nothing could be promised; and what promises never to fail. */
const notCounted: ReadonlySet<string> = new Set([
  'hypervisor.prepare',
  ...['share.trees', 'store.directoryOf'],
  ...[
    'hypervisor.release',
    'hypervisor.findLeftovers',
    'share.release',
    'share.unbind',
    'share.close',
  ],
  ...['store.remove', 'store.close', 'store.releaseContainer', 'store.load', 'store.list'],
  ...[
    'agent.destroyContainer',
    'agent.readOutput',
    'agent.wait',
    'agent.release',
    'agent.signal',
    'agent.signalAll',
  ],
  ...[
    'agent.ping',
    'agent.close',
    'share.attach',
    'vm.stop',
    'vm.consoleTail',
    'store.hasLiveOwner',
  ],
  ...['build.abandon', 'templates.list', 'templates.remove'],
  // Told to the log, and no step of a pod.
  'templates.noteClone',
  // It answers nothing.
  'vm.keepAwake',
  // Dialled again and again until the agent answers: part of attaching.
  'vm.dialAgent',
]);

export class Faults {
  /** Names of the counted calls so far. */
  readonly calls: string[] = [];
  /** Called at each counted call, before it is done, with its number from 1. */
  onCall: (call: number, name: string) => void = () => {};
  #fault: Fault = 'before';
  #at = 0;

  /** Lets the n-th call from now on (counted from 1) go wrong. */
  arm(at: number, fault: Fault): void {
    this.calls.length = 0;
    this.#at = at;
    this.#fault = fault;
  }

  disarm(): void {
    this.arm(0, 'before');
  }

  /** The same mechanisms, watched. */
  around(mechanisms: Mechanisms): Mechanisms {
    return {
      ...mechanisms,
      openImage: () => this.#call('openImage', mechanisms.openImage),
      store: this.#watch<Store>('store', mechanisms.store, (owned) =>
        this.#watch<OwnedRecord>('store', owned as OwnedRecord),
      ),
      share: this.#watch<Share>('share', mechanisms.share, (share) =>
        this.#watch<PodShare>('share', share as PodShare),
      ),
      hypervisor: this.#watch<Hypervisor>('hypervisor', mechanisms.hypervisor, (vm) =>
        this.#watch<Vm>('vm', vm as Vm),
      ),
      templates: this.#watch<Templates>('templates', mechanisms.templates, (got) =>
        'commit' in got ? this.#watch<TemplateBuild>('build', got as TemplateBuild) : got,
      ),
      agents: this.#watch<AgentConnector>('agents', mechanisms.agents, (agent) =>
        this.#watch<Agent>('agent', agent as Agent),
      ),
    };
  }

  #watch<T extends object>(name: string, target: T, wrapResult?: (result: object) => unknown): T {
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        const full = `${name}.${String(key)}`;
        const invoke = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        if (notCounted.has(full)) return invoke;
        return async (...args: unknown[]) => {
          const result = await this.#call(full, async () => invoke(...args));
          const wraps = wrapResult !== undefined && typeof result === 'object' && result !== null;
          return wraps && !Array.isArray(result) ? wrapResult(result) : result;
        };
      },
    });
  }

  async #call<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.calls.push(name);
    const call = this.calls.length;
    this.onCall(call, name);
    const due = call === this.#at;
    if (due && (this.#fault === 'before' || onlyBefore.has(name))) throw injected(name, call);
    const result = await work();
    if (due) throw injected(name, call);
    return result;
  }
}

/** The error of an injected fault. */
export function injected(name: string, call: number): VirtcontainersError {
  return new VirtcontainersError('internal', `injected fault in ${name} (call ${call})`);
}

// Plans what the guest is asked to make of a container: its exports and the specification that names them; pure.
import { VirtcontainersError } from '../../base/errors.js';
import type { ContainerConfig } from '../../model/container-config.js';
import { maxSpecBytes } from '../../model/limits.js';
import type { OciSpec } from '../../oci/spec.js';
import { toGuestSpec } from '../../oci/to-guest-spec.js';
import type { ContainerPlan } from './plan.js';
import { planContainer } from './plan-pod.js';

export interface GuestPlan extends ContainerPlan {
  readonly spec: OciSpec;
  /** As it is sent. */
  readonly specJson: string;
}

/** @throws VirtcontainersError `invalid-argument` if the specification is too large to be sent */
export function planGuest(what: string, config: ContainerConfig, podHostname: string): GuestPlan {
  const plan = planContainer(config);
  const spec = toGuestSpec(config, plan.mounts, podHostname);
  const specJson = JSON.stringify(spec);
  if (Buffer.byteLength(specJson) > maxSpecBytes) {
    const reason = `its command, environment and mounts take more than ${maxSpecBytes} bytes`;
    throw new VirtcontainersError('invalid-argument', `${what}: ${reason}`);
  }
  return { ...plan, spec, specJson };
}

// Checks the guest image: there, whole in every byte, with this version's agent.

import { type InspectedImage, inspectGuestImage } from '../../guest-image/inspect.js';
import { isVirtcontainersError, reasonOf } from '../base/errors.js';
import { type Finding, fail, ok, warn } from './check.js';

export interface ImagePlace {
  readonly libRoot: string;
  /** An image elsewhere, which no setup changes; null means the current one below `libRoot`. */
  readonly guestImage: string | null;
}

export async function checkGuestImage(
  { libRoot, guestImage }: ImagePlace,
  inspect: typeof inspectGuestImage = inspectGuestImage,
): Promise<Finding> {
  // Only the one below the lib root is made by a setup.
  const fix =
    guestImage === null
      ? { hint: 'run virtc setup', fixedBySetup: true }
      : {
          hint: 'VIRTC_GUEST_IMAGE names it: choose another, or unset that to use the one of virtc setup',
        };
  let inspected: InspectedImage;
  try {
    inspected = await inspect({ libRoot, path: guestImage ?? undefined });
  } catch (error) {
    if (!isVirtcontainersError(error)) throw error;
    return fail(reasonOf(error), fix);
  }
  const { image, hasCurrentAgent } = inspected;
  const about = `guest image ${image.id} in ${image.directory}`;
  if (!hasCurrentAgent) return warn(`${about} has the agent of another version or build`, fix);
  const { kernel, node, crun } = image.versions;
  return ok(
    `${about}: undamaged, with this version's agent (kernel ${kernel}, Node ${node}, crun ${crun})`,
  );
}

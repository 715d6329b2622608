// What `--filter NAME=VALUE` of ps keeps: docker's meanings.
import type { PodListEntry } from '../../../model/pod.js';
import { badFlag, didYouMean } from '../flag-values.js';
import { type FoundContainer, findContainer } from './find.js';
import { dockerState, dockerStates } from './rows.js';

type Keeps = (found: FoundContainer) => boolean;

const names = ['id', 'name', 'label', 'status', 'exited', 'pod', 'ancestor', 'before', 'since'];

export interface Filters {
  /** Whether those that do not run are asked for, too. */
  readonly wantsAll: boolean;
  /** @param pods all that there are, for `before` and `since` */
  keeps(pods: readonly PodListEntry[]): Keeps;
}

/**
 * Of one name any value will do (of labels all must hold); of several names all must hold.
 * @throws VirtcontainersError `invalid-argument`
 */
export function parseFilters(texts: readonly string[]): Filters {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0) {
      throw badFlag('--filter', text, 'it must be NAME=VALUE', {
        hint: 'for example status=exited or label=app=web',
      });
    }
    const name = text.slice(0, equals);
    if (!names.includes(name)) {
      throw badFlag('--filter', text, `${JSON.stringify(name)} is no filter`, {
        ...didYouMean(name, names, `it may be ${names.join(', ')}`),
      });
    }
    const value = text.slice(equals + 1);
    checkValue(text, name, value);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    wantsAll: values.has('status') || values.has('exited'),
    keeps: (pods) => {
      const tests = [...values].map(([name, wanted]) => toTest(name, wanted, pods));
      return (found) => tests.every((test) => test(found));
    },
  };
}

function checkValue(text: string, name: string, value: string): void {
  if (name === 'status' && !dockerStates.some((state) => state === value)) {
    throw badFlag(
      '--filter',
      text,
      `a status is ${dockerStates.slice(0, -1).join(', ')} or ${dockerStates.at(-1)}`,
      didYouMean(value, dockerStates),
    );
  }
  if (name === 'exited' && !/^\d{1,3}$/.test(value)) {
    throw badFlag('--filter', text, 'the value of exited is an exit code');
  }
  if (name === 'name') toPattern(text, value);
}

function toTest(name: string, wanted: readonly string[], pods: readonly PodListEntry[]): Keeps {
  const any =
    (test: (found: FoundContainer, value: string) => boolean): Keeps =>
    (found) =>
      wanted.some((value) => test(found, value));
  switch (name) {
    case 'id':
      return any(({ container }, value) => container.id.startsWith(value));
    case 'name':
      return any(({ container }, value) => toPattern(`name=${value}`, value).test(container.id));
    case 'label':
      return (found) => wanted.every((value) => hasLabel(found, value));
    case 'status':
      return any((found, value) => dockerState(found) === value);
    case 'exited':
      return any(
        (found, value) =>
          dockerState(found) === 'exited' && found.container.exit?.code === Number(value),
      );
    case 'pod':
      return any(({ pod }, value) => pod.id.startsWith(value));
    case 'ancestor':
      return any(({ container }, value) => container.rootfs === value);
    default:
      return beside(name, wanted, pods);
  }
}

/** `before` and `since`: older or newer than a container. */
function beside(name: string, wanted: readonly string[], pods: readonly PodListEntry[]): Keeps {
  const times = wanted.map((value) => createdAt(pods, value));
  return ({ container }) =>
    times.some((time) =>
      name === 'before' ? container.createdAt < time : container.createdAt > time,
    );
}

function createdAt(pods: readonly PodListEntry[], name: string): string {
  return findContainer(pods, name, 'filter by').container.createdAt;
}

function hasLabel({ container: { labels } }: FoundContainer, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const name = wanted.slice(0, equals);
  return Object.hasOwn(labels, name) && labels[name] === wanted.slice(equals + 1);
}

/** docker's names are regular expressions, found anywhere. */
function toPattern(text: string, value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw badFlag('--filter', text, 'the name is no regular expression');
  }
}

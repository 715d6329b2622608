// Commands of docker and podman that `virtc` has not: what to use instead, or that it comes later.

const noDetached =
  'a run ends with virtc, so nothing runs that could be looked at or changed from here; the library can do it';
const noImages =
  'this version has no images: a container gets a directory, virtc run --rootfs DIR -- CMD';
const noNetworks = 'this version has no networks: a container sees nothing but its own loopback';
const clean = 'virtc gc removes what dead owners of pods have left';

const hints: Readonly<Record<string, string>> = {
  ...same(
    'ps ls list inspect top stats events attach exec start restart stop kill wait pause unpause create rename update',
    noDetached,
  ),
  ...same('container cp port pod', noDetached),
  ...same(
    'pull push build buildx images image import load save tag history rmi search login logout commit',
    noImages,
  ),
  network: noNetworks,
  ...same('prune rm system', clean),
  logs: "a run's output is that of virtc: redirect it",
  volume: 'this version has no named volumes: bind a directory with virtc run -v SRC:DST',
  info: 'virtc doctor looks at this host, virtc config and virtc version --format json tell the rest',
  compose: 'this version runs one container at a time; several in one VM are what the library does',
};

/** What to say of a command as it was written. */
export function dockerVerbHint(written: string): string | undefined {
  return Object.hasOwn(hints, written) ? hints[written] : undefined;
}

function same(verbs: string, hint: string): Readonly<Record<string, string>> {
  return Object.fromEntries(verbs.split(' ').map((verb) => [verb, hint]));
}

// Commands of docker and podman that `virtc` has not: what to use instead, or that it comes later.

const later = 'this version has not got it yet';
const noImages =
  'this version has no images: a container gets a directory, virtc run --rootfs DIR -- CMD';
const noNetworks = 'this version has no networks: a container sees nothing but its own loopback';
const clean = 'virtc gc removes what dead owners of pods have left';

const hints: Readonly<Record<string, string>> = {
  ...same('ls list', 'virtc ps lists containers'),
  restart: 'use virtc stop NAME, then virtc start NAME',
  container: 'leave the word out: virtc ps, virtc rm',
  rename: 'a name is for the life of a container: make another one with virtc create --name',
  ...same('update cp port console diff export', later),
  ...same(
    'pull push build buildx images image import load save tag history rmi search login logout commit',
    noImages,
  ),
  network: noNetworks,
  ...same('prune system', clean),
  volume: 'this version has no named volumes: bind a directory with virtc run -v SRC:DST',
  info: 'virtc doctor looks at this host, virtc config and virtc version --format json tell the rest',
  compose: 'virtc pod create makes a VM for several containers, virtc run --pod puts them into it',
};

/** What to say of a command as it was written. */
export function dockerVerbHint(written: string): string | undefined {
  return Object.hasOwn(hints, written) ? hints[written] : undefined;
}

function same(verbs: string, hint: string): Readonly<Record<string, string>> {
  return Object.fromEntries(verbs.split(' ').map((verb) => [verb, hint]));
}

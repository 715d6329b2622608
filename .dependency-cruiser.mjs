// Who may import whom: the rules of CONTRIBUTING.md, for `npm run check`.
// @ts-check

/** Tests, suites and type tests may use the fakes and each other; what they test stays where it is. */
const tests = '\\.(test|suite|type-test)\\.ts$';
/** Generated code is the definitions' business. */
const packages = 'node_modules';
/** This package under its own name: its index, or just the name where nothing is built yet. */
const self = '^(virtcontainers|dist/src/index\\.(js|d\\.ts))$';

/** @typedef {{ name: string, folder: string, may: string[], packages?: string }} Layer */

/** For each folder, what it may import beside itself. @type {Layer[]} */
const layers = [
  { name: 'base', folder: '^src/base/', may: [] },
  { name: 'wire', folder: '^src/wire/', may: [] },
  { name: 'model', folder: '^src/model/', may: ['^src/base/'] },
  { name: 'oci', folder: '^src/oci/', may: ['^src/model/', '^src/base/'] },
  { name: 'guest', folder: '^src/guest/', may: ['^src/wire/', '^src/base/'] },
  {
    name: 'pod',
    folder: '^src/pod/',
    // Of the mechanisms only what their interfaces say: src/host/<mechanism>/<mechanism>.ts.
    may: ['^src/oci/', '^src/host/([^/]+)/\\1\\.ts$', '^src/model/', '^src/base/'],
  },
  {
    name: 'owner',
    folder: '^src/owner/',
    // Of the mechanisms only what their interfaces say, as above.
    may: ['^src/pod/', '^src/host/([^/]+)/\\1\\.ts$', '^src/(model|base|wire)/'],
  },
  {
    name: 'create-runtime',
    folder: '^src/(create-runtime|list-pods|config)\\.ts$',
    may: ['^src/config-file/', '^src/(owner|pod|oci|host|model|base|wire)/'],
  },
  { name: 'config-file', folder: '^src/config-file/', may: ['^src/(model|base)/'] },
  {
    name: 'index',
    folder: '^src/index\\.ts$',
    may: ['^src/create-runtime\\.ts$', '^src/model/', '^src/base/'],
  },
  {
    name: 'doctor',
    folder: '^src/doctor/',
    may: ['^src/(create-runtime|config)\\.ts$', '^src/(host|model|base)/', '^guest-image/'],
  },
  {
    name: 'frontend-virtc',
    folder: '^src/frontends/virtc/',
    may: [
      '^src/(index|list-pods|config)\\.ts$',
      '^src/config-file/',
      '^src/doctor/',
      '^src/base/',
      '^src/model/',
      '^guest-image/',
    ],
  },
  {
    name: 'frontend-shim',
    folder: '^src/frontends/shim/',
    may: ['^src/create-runtime\\.ts$', '^src/host/logs/', '^src/(owner|pod|model|base)/'],
  },
  {
    name: 'guest-image',
    folder: '^guest-image/',
    may: ['^src/base/', '^src/model/', '^src/host/images/'],
  },
  // By its name, as any other program would.
  { name: 'examples', folder: '^examples/', may: [self] },
];

const layerRules = layers.map(({ name, folder, may }) => ({
  name: `${name}-imports`,
  comment: `${name} may import only itself and ${may.join(', ') || 'Node and packages'}`,
  severity: /** @type {const} */ ('error'),
  from: { path: folder, pathNot: tests },
  to: {
    pathNot: [folder, ...may, packages],
    dependencyTypesNot: /** @type {import('dependency-cruiser').DependencyType[]} */ (['core']),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'mechanism-imports',
      comment: 'a mechanism knows no other; only the hypervisor uses cgroup and logs',
      severity: 'error',
      from: { path: '^src/host/([^/]+)/', pathNot: tests },
      to: {
        path: '^(src|guest-image|test|examples)/',
        pathNot: ['^src/host/$1/', '^src/host/(cgroup|logs)/', '^src/(model|base|wire)/'],
      },
    },
    {
      name: 'cgroup-and-logs-are-the-hypervisors',
      comment: 'only the hypervisor uses cgroup and logs',
      severity: 'error',
      from: { path: '^src/host/', pathNot: ['^src/host/(hypervisor|cgroup|logs)/', tests] },
      to: { path: '^src/host/(cgroup|logs)/' },
    },
    {
      name: 'one-door-to-foreign-functions',
      comment: 'only src/base/native/ may call foreign functions',
      severity: 'error',
      from: { path: '^(src|guest-image)/', pathNot: '^src/base/native/' },
      to: { path: ['node_modules/koffi/', '^src/base/native/libc\\.ts$'] },
    },
    {
      name: 'product-without-tests',
      comment: 'what is shipped uses neither tests nor fakes',
      severity: 'error',
      from: { path: '^(src|guest-image)/', pathNot: ['^src/testing/', tests] },
      to: { path: ['^src/testing/', '^test/', tests] },
    },
    {
      name: 'declared-packages',
      comment: 'only packages that package.json declares',
      severity: 'error',
      from: { path: '^(src|guest-image|test|examples)/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        // Node's types are an optional peer, named by a directive.
        pathNot: [self, '(^|/)node_modules/@types/node/'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'imports go down',
      severity: 'error',
      from: {},
      // Types alone are gone when the program runs.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      comment: 'every import leads somewhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: self },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

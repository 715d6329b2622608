// The version of this package, as host and guest tell each other.

/** The same as in package.json, which a bundle in the guest does not have beside it. */
export const version = '0.1.0';

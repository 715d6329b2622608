// The script of each shell.
import { toBash } from './bash.js';
import { toFish } from './fish.js';
import type { Tree } from './tree.js';
import { toZsh } from './zsh.js';

export const scripts: Readonly<Record<'bash' | 'zsh' | 'fish', (tree: Tree) => string>> = {
  bash: toBash,
  zsh: toZsh,
  fish: toFish,
};

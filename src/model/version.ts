// The version of this program, as package.json has it: a bundle cannot read the file.

export const version = '0.1.0';

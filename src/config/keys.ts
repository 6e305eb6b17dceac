/** What the schema knows of its own keys: which there are, what each allows, and which one was probably meant. */
import * as z from 'zod';
import { nearest } from '../base/suggest.ts';
import { writtenSchema } from './schema.ts';

export type KeyPath = readonly (string | number)[];

/** One key of the configuration, as documentation and errors need it. */
export interface KeyInfo {
  readonly path: string;
  readonly allowed: string;
  readonly description: string;
}

/** The type beneath defaults, `null` and transforms. */
function unwrap(type: z.ZodType): z.ZodType {
  if (type instanceof z.ZodPipe) return unwrap(type.in as z.ZodType);
  if (type instanceof z.ZodDefault || type instanceof z.ZodNullable) return unwrap(type.unwrap() as z.ZodType);
  return type;
}

function collect(type: z.ZodObject, prefix: string, into: KeyInfo[]): void {
  for (const [key, value] of Object.entries(type.shape) as [string, z.ZodType][]) {
    const path = prefix + key;
    const inner = unwrap(value);
    const meta = value.meta();
    if (meta) into.push({ path, allowed: String(meta.allowed), description: String(meta.description) });
    if (inner instanceof z.ZodObject) collect(inner, `${path}.`, into);
  }
}

const keys: KeyInfo[] = [];
collect(writtenSchema, '', keys);

/** Every key with a value of its own, in the schema's order: `method`, ..., `data.crop_size`, ... */
export const configKeys: readonly KeyInfo[] = keys;

/** The sections: keys that hold keys. */
export const sections: readonly string[] = Object.entries(writtenSchema.shape).flatMap(([key, type]) =>
  unwrap(type) instanceof z.ZodObject ? [key] : [],
);

/** The keys right under a section (`''` for the top). */
export function childrenOf(section: string): readonly string[] {
  const prefix = section === '' ? '' : `${section}.`;
  const names = [...keys.map((key) => key.path), ...sections]
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length));
  return [...new Set(names.map((name) => name.split('.')[0]!))];
}

/** The key that an issue at `path` is about (an element of a list belongs to the list's key). */
export function infoOf(path: KeyPath): KeyInfo | undefined {
  for (let length = path.length; length > 0; length--) {
    const found = keys.find((key) => key.path === path.slice(0, length).join('.'));
    if (found) return found;
  }
  return undefined;
}

/** Keys that hold a mapping or a list. */
const holders: readonly string[] = ['label_map', 'classes', 'palette', 'label_colours', 'ignore_colours'].map((key) => `data.${key}`);

/** Whether `--set` may name this path: a key, or something within a key that holds a mapping or a list. */
export function isKnown(path: KeyPath): boolean {
  if (sections.includes(path.join('.'))) return true;
  const info = infoOf(path);
  if (!info) return false;
  const depth = info.path.split('.').length;
  return path.length === depth || (path.length === depth + 1 && holders.includes(info.path));
}

/** What to say of an unknown key: the nearest one under the same section, else the nearest of all, else all of the section. */
export function suggestionFor(path: KeyPath): string {
  const section = path.slice(0, -1).join('.');
  const name = String(path.at(-1));
  const siblings = childrenOf(section);
  const near = nearest(name, siblings);
  if (near) return `did you mean ${section === '' ? near : `${section}.${near}`}?`;
  const leaves = keys.map((key) => key.path.split('.').at(-1)!);
  const elsewhere = nearest(name, leaves);
  if (elsewhere) return `did you mean ${keys[leaves.indexOf(elsewhere)]!.path}?`;
  return siblings.length > 0 ? `allowed: ${siblings.join(', ')}` : `allowed: ${childrenOf('').join(', ')}`;
}

/**
 * The kinds of value a configuration key can hold. Each carries two texts that the program itself reads: `allowed`, printed
 * when a value is refused, and a description (unit, default's source, what it does not affect).
 */
import * as z from 'zod';

/** A key: its type, what is allowed in words, and what it means. */
export function field<T extends z.ZodType>(type: T, allowed: string, description: string): T {
  return type.meta({ allowed, description });
}

/** A number above 0. */
export const positive = z.number().gt(0);
/** A number of at least 0. */
export const nonNegative = z.number().min(0);
/** A number in [0, 1]. */
export const fraction = z.number().min(0).max(1);
/** An integer of at least `least`. */
export const integer = (least: number) => z.int().min(least);
/** A text that is not empty; YAML reads `split: 732` as a number, and means the text. */
export const text = z.union([z.string().min(1), z.number()]).transform(String);
/** `'auto'` or an integer of at least `least`. */
export const autoOrInteger = (least: number) => z.union([z.literal('auto'), integer(least)]);

/** `'auto'`, the default, or a value of `type`: the method decides (method-defaults.ts). */
export const auto = <T extends z.ZodType>(type: T) => z.union([z.literal('auto'), type]).default('auto');

const byte = z.int().min(0).max(255);
/** Red, green, blue, each 0..255. */
export const rgb = z.tuple([byte, byte, byte]);
/** Stored label -> train label; both 0..255. Null: that label is not allowed. */
export const labelMap = z.record(z.string().regex(/^(25[0-5]|2[0-4]\d|1?\d?\d)$/), byte.nullable());

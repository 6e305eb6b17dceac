/** Work on many files, some at a time. */

/** Files open at once. */
const AT_ONCE = 8;

/** Calls `work` for each item, a few at once; the results keep the order. The first error ends it. */
export async function forEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>, onDone?: (done: number) => void): Promise<R[]> {
  const results: R[] = [];
  let [next, done] = [0, 0];
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
      onDone?.(++done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane));
  return results;
}

/** Keys of earlier versions, so that their configurations and runs go on being read. */

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `loss.ohem_min_kept` counted the pixels of a labelled batch, which method supervised doubles; now they are counted per image.
 * Changes `raw`; what is not valid is left for the schema to refuse.
 */
export function renameEarlier(raw: Readonly<Record<string, unknown>>): void {
  const { method, train, loss } = raw;
  if (!isTree(train) || !isTree(loss)) return;
  const { ohem_min_kept: perBatch, ...rest } = loss;
  if (typeof perBatch !== 'number' || typeof train.batch_size !== 'number') return;
  const images = train.batch_size * (method === 'supervised' ? 2 : 1);
  delete loss.ohem_min_kept;
  // With plain cross entropy nothing read the number: the default does as well.
  if (loss.labelled === 'ohem' && rest.ohem_min_kept_per_image === undefined) loss.ohem_min_kept_per_image = perBatch / images;
}

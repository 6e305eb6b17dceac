/** Configurations that earlier versions wrote into run folders, in the keys of today. */

/**
 * A run's config.json as this version reads it: OHEM's pixels, once `loss.ohem_min_kept` a batch, are counted per labelled image.
 * What is no JSON comes back as it is, for the parser to tell.
 */
export function migrated(text: string): string {
  let config: { method?: unknown; loss?: Record<string, unknown>; train?: Record<string, unknown> };
  try {
    config = JSON.parse(text) as typeof config;
  } catch {
    return text;
  }
  const { ohem_min_kept: perBatch, ...loss } = config?.loss ?? {};
  const batch = config?.train?.batch_size;
  if (typeof perBatch !== 'number' || typeof batch !== 'number') return text;
  const images = config.method === 'supervised' ? 2 * batch : batch;
  // The default was never read where the loss is plain cross entropy: it stays the default.
  const perImage = loss.labelled === 'ohem' ? perBatch / images : perBatch;
  return JSON.stringify({ ...config, loss: { ohem_min_kept_per_image: perImage, ...loss } }, null, 2);
}

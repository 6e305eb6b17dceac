/**
 * The poly schedule (SPEC section 6): the rate that iteration `k` of `total` uses. As published the rate is set after an
 * iteration, so that the first two use the base rate: base x (1 - max(k - lag, 0) / total)^power, lag 1; ST's does not lag (8b).
 */
export function polyRate(base: number, k: number, total: number, power: number, lag = 1): number {
  return base * (1 - Math.max(k - lag, 0) / total) ** power;
}

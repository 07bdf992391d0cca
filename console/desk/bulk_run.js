// The same thing done for many orders: a few at a time, each answered for itself.
//
// Pure but for the commands that it is handed. Invariant: one failure ends nothing but its own.

const AT_ONCE = 4;
const MOST = { radius_m: 20_040_000, limit: 10_000 };

/** How much further the rounds may reach. */
export const REACHES = [1, 1.5, 2, 3];

/**
 * @template T
 * @param {T[]} all
 * @param {(one: T) => Promise<unknown>} command
 * @param {(one: T, fault: unknown) => void} settled  `fault` undefined: it went through
 */
export async function runAll(all, command, settled) {
  const waiting = [...all];
  const next = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const each = one;
      await command(each).then(() => settled(each, undefined), (fault) => settled(each, fault));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, next));
}

/**
 * What reopens an order: its bonus raised, its policy's rounds as they are or reaching further.
 * @param {{ bonus_fen: number }} order @param {any[]} rounds of its kind's policy
 * @param {{ raiseFen: number, reach: number }} how
 */
export function reopenBody({ bonus_fen: bonusFen }, rounds, { raiseFen, reach }) {
  const body = raiseFen > 0 ? { bonus_fen: bonusFen + raiseFen } : {};
  if (reach === 1 || rounds.length === 0) return body;
  const widened = rounds.map((round) => ({
    ...round, radius_m: Math.min(MOST.radius_m, Math.round(round.radius_m * reach)), limit: Math.min(MOST.limit, Math.ceil(round.limit * reach)),
  }));
  return { ...body, rounds: widened };
}

// What became of the jobs while nobody could tell: between the list that was known and the one that replaced it.
//
// Pure. Invariant: what this device did itself is not told to its holder as somebody else's doing: an order that he
// completed or gave back, when only the answer was lost; one that he grabbed, when the list is quicker than the verdict.

/** @typedef {{id: string, assignment: {fence: number}, [field: string]: any}} Job */
/** States of a card whose order this device grabs, or has grabbed. */
const OURS = new Set(["asking", "pending", "won"]);

/**
 * @param {ReadonlyMap<string, Job>} before @param {ReadonlyMap<string, Job>} jobs
 * @param {object} own
 * @param {{order_id: string, fence: number, step: string}[]} own.steps  taken, and not confirmed
 * @param {ReadonlySet<string>} own.released  ids that were given back, and not confirmed
 * @param {(id: string) => {state: string} | undefined} own.card
 * @returns {{lost: Job[], finished: Job[], released: Job[], won: Job[], gained: Job[]}}
 *   `finished`: by a step of ours whose confirmation is still to come
 */
export function changes(before, jobs, { steps, released, card }) {
  const gone = [...before.values()].filter(({ id }) => !jobs.has(id));
  const come = [...jobs.values()].filter(({ id }) => !before.has(id));
  const isReleased = ({ id }) => released.has(id);
  const isFinished = ({ id, assignment: { fence } }) =>
    steps.some((each) => each.order_id === id && each.fence === fence && each.step === "completed");
  const stateOf = ({ id }) => card(id)?.state ?? "";
  return {
    lost: gone.filter((job) => !isReleased(job) && !isFinished(job)),
    finished: gone.filter((job) => !isReleased(job) && isFinished(job)),
    released: gone.filter(isReleased),
    won: come.filter((job) => stateOf(job) === "won"),
    gained: come.filter((job) => !OURS.has(stateOf(job))), // one that is asked for has its verdict to come
  };
}

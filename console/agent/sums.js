// The day in numbers, from the orders that were completed on it.
//
// Pure. An order without a price counts as an order and adds nothing.

/** What an order brings: its price and its bonus. @param {{price_fen: number | null, bonus_fen: number}} order */
export function worth({ price_fen, bonus_fen }) {
  return (price_fen ?? 0) + (bonus_fen ?? 0);
}

/** The beginning of the day on this device, where people live by their own clock. @param {number} now */
export function midnight(now) {
  return new Date(now).setHours(0, 0, 0, 0);
}

/** @param {any[]} orders @returns {{orders: number, fen: number, unpriced: number}} */
export function sumUp(orders) {
  return {
    orders: orders.length,
    fen: orders.reduce((sum, order) => sum + worth(order), 0),
    unpriced: orders.filter((order) => order.price_fen === null || order.price_fen === undefined).length,
  };
}

/** Newest first, by when they were got. @param {any[]} orders */
export function newestFirst(orders) {
  return [...orders].sort((a, b) => (b.assignment?.at ?? b.created_at) - (a.assignment?.at ?? a.created_at));
}

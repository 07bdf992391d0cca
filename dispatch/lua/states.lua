-- The present state of some orders, and the log's `n` of this instant.
-- KEYS: n
-- ARGV: order_ids
-- USES: emit
-- Answers: ok and {n, orders}
local orders = {}
for _, order_id in ipairs(cmsgpack.unpack(order_ids)) do
  local o = load(order_id)
  if o then
    orders[#orders + 1] = {o.id, o.f}
    tell_last(o)
  end
end
return {'ok', emitted, cmsgpack.pack({n = tonumber(redis.call('GET', n_key) or '0'), orders = orders})}

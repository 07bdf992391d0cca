-- The desk of a region, longest waiting first, and the log's `n` of this instant.
-- KEYS: desk n
-- ARGV: most
-- USES: emit
-- Answers: ok and {n, orders, more}
local ids = redis.call('ZRANGE', desk_key, 0, tonumber(most))
local orders = {}
for i = 1, math.min(#ids, tonumber(most)) do
  local o = load(ids[i])
  if o then
    orders[#orders + 1] = {o.id, o.f}
    if HELD[o.f.status] then tell_last(o) end
  end
end
return {'ok', emitted, cmsgpack.pack({n = tonumber(redis.call('GET', n_key) or '0'), orders = orders, more = #ids > tonumber(most)})}

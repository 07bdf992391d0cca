-- Reconciliation: what PostgreSQL says of these orders is written here, whatever stood here. Offers are forgotten, so an
-- open order is due now, and the engine offers it anew; all other deadlines stand in its state.
-- No event: nothing happened.
-- KEYS: deadlines
-- ARGV: states ttl_ms
-- USES: emit
-- Answers: ok
local reach = tonumber(redis.call('GET', key('reach')) or '0') -- how far agents look for orders

local function restore(id, f)
  local o, flat = load(id), {}
  if f.status == STATUS.open then
    f.due_at = int(now)
    if reach < (tonumber(f.radius_m) or 0) then -- an order may be known as placed, and not yet as opened
      reach = tonumber(f.radius_m)
      redis.call('SET', key('reach'), f.radius_m)
    end
  end
  redis.call('DEL', key('order', id), key('offers', id))
  index({id = id, f = f, was = o and o.was or '', was_on_desk = true})
  for name, value in pairs(f) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  redis.call('HSET', key('order', id), unpack(flat))
  if TERMINAL[f.status] then redis.call('PEXPIRE', key('order', id), ttl_ms) end
end

for id, f in pairs(cmsgpack.unpack(states)) do restore(id, f) end
return {'ok', emitted, ''}

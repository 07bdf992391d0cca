-- Reconciliation: what PostgreSQL says of these orders is written here, whatever stood here. Offers are forgotten, so an
-- open order is due now, and the engine offers it anew; all other deadlines stand in its state.
-- No event: nothing happened.
-- KEYS: deadlines
-- ARGV: states ttl_ms
-- USES: emit
-- Answers: ok
local function restore(id, f)
  local o, flat = load(id), {}
  if f.status == STATUS.open then f.due_at = int(now) end
  redis.call('DEL', key('order', id))
  forget_offers(id)
  unwant(id)
  index({id = id, f = f, was = o and o.was or '', was_on_desk = true, wanted = ''})
  for name, value in pairs(f) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  redis.call('HSET', key('order', id), unpack(flat))
  if TERMINAL[f.status] then redis.call('PEXPIRE', key('order', id), ttl_ms) end
end

for id, f in pairs(cmsgpack.unpack(states)) do restore(id, f) end
return {'ok', emitted, ''}

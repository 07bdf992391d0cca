-- Reconciliation: PostgreSQL knows more of this order than Redis does; what SQL says is written here. Offers are
-- forgotten, so an open order is due now, and the engine offers it anew; all other deadlines stand in its state.
-- No event: nothing happened.
-- KEYS: order offers
-- ARGV: order_id state ttl_ms
-- USES: emit
-- Answers: ok | newer
local o, f = load(order_id), cmsgpack.unpack(state)
if o and tonumber(o.f.version) >= tonumber(f.version) then return {'newer', emitted, ''} end
if f.status == STATUS.open then f.due_at = int(now) end
redis.call('DEL', order_key, offers_key)
index({id = order_id, f = f, was = o and o.was or '', was_on_desk = true})
local flat = {}
for name, value in pairs(f) do
  flat[#flat + 1] = name
  flat[#flat + 1] = value
end
redis.call('HSET', order_key, unpack(flat))
if TERMINAL[f.status] then redis.call('PEXPIRE', order_key, ttl_ms) end
return {'ok', emitted, ''}

-- Reconciliation: PostgreSQL knows more of this order than Redis does; what SQL says is written here. Offers are
-- forgotten; an order that is not terminal is due now, so that the engine takes it further. No event: nothing happened.
-- KEYS: order offers
-- ARGV: order_id state due_at
-- USES: emit
-- Answers: ok | newer
local o = load(order_id)
local state = cmsgpack.unpack(state)
if o and tonumber(o.f.version) >= tonumber(state.version) then return {'newer', emitted, ''} end
local restored = {id = order_id, f = state, dirty = {}, was = o and o.was or '', was_on_desk = true}
if o then
  for role in string.gmatch(o.f.audience, '[^,]+') do redis.call('ZREM', key('wanting', role), order_id) end
end
redis.call('DEL', order_key, offers_key)
if not TERMINAL[state.status] and due_at ~= '' then state.due_at = due_at end
index(restored)
local flat = {}
for name, value in pairs(state) do
  flat[#flat + 1] = name
  flat[#flat + 1] = value
end
redis.call('HSET', order_key, unpack(flat))
return {'ok', emitted, ''}

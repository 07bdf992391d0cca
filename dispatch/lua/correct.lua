-- PostgreSQL has this order's fence for another agent: only after Redis had lost something may that be. What PostgreSQL
-- says is written here, unless the order has moved on to another fence meanwhile; an event tells everybody.
-- KEYS: order offers
-- ARGV: order_id agent_id fence state
-- USES: emit
-- Answers: ok | passed
local again = replayed()
if again then return again end
local o, f = load(order_id), cmsgpack.unpack(state)
if not o or o.f.fence ~= fence or o.f.agent_id ~= agent_id then return {'passed', emitted, ''} end
if f.status == STATUS.open then
  f.due_at = int(now)
  forget_offers(order_id)
end
f.version = int(math.max(o.f.version, f.version))
set(o, f)
o.entry = '' -- what led here does not lead to this: PostgreSQL refuses it
commit(o, 'corrected', 'engine:', {agent_id = agent_id, fence = tonumber(fence)})
return done('ok')

-- A dispatcher gives the order to an agent by hand, or takes it from its holder for him (reassigns).
-- `force` ('1') overrides capacity, presence and another's take-up, never suspension. `card` is the agent's
-- profile from SQL: he may never have been connected. The former holder counts as one who released.
-- KEYS: order agent jobs
-- ARGV: order_id agent_id force dispatcher_id actor card terms
-- USES: emit match
-- Answers: ok | missing | wrong_status | holds | suspended | at_capacity | unreachable | paused | taken_up
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f, agent = o.f, cmsgpack.unpack(card)
local held = HELD[f.status]
if f.status ~= STATUS.open and f.status ~= STATUS.escalated and not held then return {'wrong_status', emitted, f.status} end
if held and f.agent_id == agent_id then return {'holds', emitted, ''} end
if agent.suspended then return {'suspended', emitted, ''} end
if force ~= '1' then
  if taken_by_another(f, dispatcher_id) then return {'taken_up', emitted, f.taken_by} end
  if not redis.call('ZSCORE', key('seen'), agent_id) then return {'unreachable', emitted, ''} end
  if redis.call('HGET', agent_key, 'status') ~= 'available' then return {'paused', emitted, ''} end
  if redis.call('SCARD', jobs_key) >= agent.capacity then return {'at_capacity', emitted, ''} end
end
local fence, previous = f.fence + 1, held and f.agent_id or ''
-- `released` names those who gave it back and did not get it again.
local start, stop = string.find(f.released, ',' .. agent_id .. ',', 1, true)
if start then set(o, {released = string.sub(f.released, 1, start) .. string.sub(f.released, stop + 1)}) end
if previous ~= '' and not has(f.released, previous) then set(o, {released = f.released .. previous .. ','}) end
set(o, OFF_DESK)
set(o, {status = STATUS.assigned, agent_id = agent_id, agent_role = agent.role, agent_name = agent.name, agent_phone = agent.phone,
  by = 'desk', dispatcher_id = dispatcher_id, fence = fence, assigned_at = now, stall = cmsgpack.unpack(terms).stall, reason = ''})
set(o, {due_at = stall_due(f, STATUS.assigned)})
commit(o, 'assigned', actor, {agent_id = agent_id, fence = fence, by = 'desk', previous = previous, force = force == '1'})
free(previous)
return done('ok')

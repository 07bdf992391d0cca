-- The holder (or a dispatcher for him, agent_id '') goes a step forward; skipping is allowed, going back is not.
-- `rank` is the step's place among `steps`, the statuses of a job in their order.
-- KEYS: order
-- ARGV: order_id agent_id fence step at actor steps
-- USES: emit match
-- Answers: ok | missing | not_holder | stale_fence | not_held | backward
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f = o.f
if agent_id ~= '' and f.agent_id ~= agent_id and not has(f.released, agent_id) then return {'not_holder', emitted, ''} end
if f.fence ~= fence or (agent_id ~= '' and f.agent_id ~= agent_id) then return {'stale_fence', emitted, ''} end
local rank = {}
for i, status in ipairs(cmsgpack.unpack(steps)) do rank[status] = i end
if f.status == step and not has(f.released, f.agent_id) then -- not one that the desk closed after a release
  tell_last(o)
  return {'ok', emitted, ''}
end
if not HELD[f.status] then return {'not_held', emitted, f.status} end
if rank[step] < rank[f.status] then return {'backward', emitted, f.status} end
local holder, finished = f.agent_id, step == STATUS.completed
set(o, OFF_DESK)
set(o, {status = step, due_at = finished and '' or stall_due(f, step)})
commit(o, finished and 'completed' or 'progressed', actor, {step = step, reported_at = tonumber(at), agent_id = holder})
if finished then free(holder) end
return done('ok')
